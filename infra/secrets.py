"""Secrets: made once on the machine that needs them, never in the repository."""

import os
import secrets
from pathlib import Path


def kept(path: Path) -> str:
    """The secret in ``path``, readable by its owner only; made at first use."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text()

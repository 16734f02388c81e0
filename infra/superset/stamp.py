"""What Superset was last prepared for, so that the next start need not prepare it again."""

import hashlib
import hmac
import json
from pathlib import Path

STEPS = ("metadata", "administrator", "assets")


def wanted(folder: Path, version: str, secret_key: str, password: str) -> dict[str, str]:
    """For each step the digest of everything it depends on.

    Args:
        folder: with ``superset_config.py``, ``mongo_adapter`` and ``assets``.
        version: of Superset.
        secret_key: encrypts what Superset stores; keys the password's digest, which ends up in a file.
        password: the administrator's.
    """
    code = [folder / "superset_config.py", *sorted((folder / "mongo_adapter").glob("*.py"))]
    files = sorted(path for path in (folder / "assets").rglob("*") if path.is_file())
    return {
        "metadata": _digest(version.encode()),
        "administrator": hmac.new(secret_key.encode(), password.encode(), "sha256").hexdigest(),
        "assets": _digest(
            version.encode(), *(part for f in [*code, *files] for part in (f.name.encode(), f.read_bytes()))
        ),
    }


def due(done: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """The steps whose digest is not the one they were last done with; after new metadata, all of them."""
    steps = [step for step in STEPS if done.get(step) != wanted[step]]
    return list(STEPS) if "metadata" in steps else steps


def read(path: Path) -> dict[str, str]:
    """The digests of the steps done; none where there is no stamp."""
    return json.loads(path.read_text()) if path.exists() else {}


def write(path: Path, done: dict[str, str]) -> None:
    """Keep the digests of the steps done, all or nothing."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(done, indent=1))
    fresh.replace(path)


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()

"""What gunicorn says, as lines of this project's."""

import logging
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from schemas import log_lines


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's logger without a format of its own."""

    def setup(self, cfg: Any) -> None:
        """Hand everything on to the root logger; gunicorn calls this with its configuration."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        log_lines.begin("superset", logging.WARNING)

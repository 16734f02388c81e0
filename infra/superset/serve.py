"""Serve Superset on loopback: prepare it if that is due, then become gunicorn with one worker.

Run with Superset's interpreter: ``python infra/superset/serve.py``. Ready when ``/health`` answers.
"""

import logging
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[0] = str(ROOT)  # Not this folder, whose module names are common words.

from infra.superset.provision import prepare  # noqa: E402
from schemas import log_lines  # noqa: E402

THREADS = 8
"""One for each chart of a dashboard that is being loaded, and some for the page itself."""


def command(port: str) -> list[str]:
    """What serves. Charts may take a while on much history, hence the timeout (s)."""
    return [
        *(sys.executable, "-m", "gunicorn", "superset.app:create_app()"),
        *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", str(THREADS)),
        *("--timeout", "120", "--graceful-timeout", "5", "--log-level", "warning"),
        *(("--logger-class", "infra.superset.server_log.ServerLog") if log_lines.as_json() else ()),
        *("--limit-request-line", "0", "--limit-request-field_size", "0"),
    ]


def environment(inherited: dict[str, str]) -> dict[str, str]:
    """What the environment given lacks to keep Superset small and to let it find its configuration."""
    return {
        **inherited,
        "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
        "PYTHONPATH": str(ROOT),
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def main() -> None:
    """Prepare, then replace this process, with all that preparing loaded. Does not return."""
    log_lines.begin("superset")
    port = os.environ["FEDLOG_SUPERSET_PORT"]
    prepare()
    logging.getLogger("fedlog.superset").info("serving on 127.0.0.1:%s", port)
    argv = command(port)
    os.execve(argv[0], argv, environment(dict(os.environ)))  # noqa: S606


if __name__ == "__main__":
    main()

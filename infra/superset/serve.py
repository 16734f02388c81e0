"""Serve Superset on loopback: prepare it if that is due, then become gunicorn with one worker.

Run with Superset's interpreter: ``python infra/superset/serve.py``. Ready when ``/health`` answers.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

THREADS = 8
"""One for each chart of a dashboard that is being loaded, and some for the page itself."""


def command(port: str) -> list[str]:
    """What serves. Charts may take a while on much history, hence the timeout (s)."""
    return [
        *(sys.executable, "-m", "gunicorn", "superset.app:create_app()"),
        *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", str(THREADS)),
        *("--timeout", "120", "--graceful-timeout", "5", "--log-level", "warning"),
        *("--limit-request-line", "0", "--limit-request-field_size", "0"),
    ]


def environment() -> dict[str, str]:
    """This process's, with what keeps Superset small and quiet."""
    return {
        **os.environ,
        "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
        "PYTHONPATH": str(ROOT),
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def main() -> None:
    """Prepare, then replace this process. Does not return."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # In a process of its own: what preparing loads would only be thrown away.
    subprocess.run([sys.executable, str(HERE / "provision.py")], env=environment(), check=True)
    argv = command(os.environ["FEDLOG_SUPERSET_PORT"])
    logging.info("serving on 127.0.0.1:%s", os.environ["FEDLOG_SUPERSET_PORT"])
    os.execve(argv[0], argv, environment())  # noqa: S606


if __name__ == "__main__":
    main()

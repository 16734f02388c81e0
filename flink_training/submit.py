"""Keep exactly one training job on the cluster: adopt the one that runs, else start one from the last checkpoint.

Runs for as long as the job does and fails with it, so that the supervisor starts it again. In this order:

1. Wait for the cluster.
2. A job of our name that has not ended is ours: watch it.
3. Otherwise submit one, restored from the newest complete checkpoint. Without a checkpoint it reads the topics from
   their beginning and emits the same events again.
4. Watch it until it ends.
"""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import click
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from schemas import log_lines

logger = logging.getLogger("flink_training.submit")

NAME = "fedlog-training"
ENDED = frozenset(("FAILED", "CANCELED", "FINISHED", "SUSPENDED"))
_DIRECT = build_opener(ProxyHandler({}))
"""On loopback no proxy stands between."""


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint that was completed last, by any job; its metadata file is written when it is complete."""
    complete = sorted(folder.glob("*/chk-*/_metadata"), key=lambda path: path.stat().st_mtime)
    return complete[-1].parent if complete else None


@retry(
    retry=retry_if_exception_type((OSError, HTTPException)), wait=wait_fixed(1), stop=stop_after_delay(30), reraise=True
)
def job(flink: str) -> tuple[str, str] | None:
    """Id and state of our newest job that has not ended."""
    with _DIRECT.open(f"{flink}/jobs/overview", timeout=10) as response:
        jobs = json.load(response)["jobs"]
    ours = [j for j in jobs if j["name"] == NAME and j["state"] not in ENDED]
    newest = max(ours, key=lambda j: j["start-time"], default=None)
    return None if newest is None else (newest["jid"], newest["state"])


def submit(client: Sequence[str], flink: str, checkpoints: Path, options: Sequence[str]) -> None:
    """Hand the job with its ``options`` to the cluster with Flink's own client; returns when it has been accepted.

    Raises:
        CalledProcessError: the client refused; it has said why.
    """
    restored = newest_checkpoint(checkpoints)
    logger.info("submitting, from %s", restored or "the beginning of the topics")
    subprocess.run(
        [
            *client,
            "run",
            "--detached",
            "--jobmanager",
            flink.removeprefix("http://"),
            *(["--fromSavepoint", restored.as_uri()] if restored else []),
            "--python",
            str(Path(__file__).with_name("job.py")),
            *options,
        ],
        check=True,
    )


@click.command()
@click.option("--flink", required=True, help="Flink's REST address, a URL.")
@click.option("--bootstrap", required=True, help="Kafka, host:port.")
@click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")
@click.option("--checkpoints", required=True, type=click.Path(path_type=Path), help="Folder of checkpoints.")
@click.option("--trainers", default=2, show_default=True, help="Parallel training tasks.")
@click.option("--in-step", type=int, help="Passed on to the job.")
@click.option("--window-ms", type=int, help="Passed on to the job.")
@click.option("--bounded-models", is_flag=True, help="Passed on to the job.")
@click.option("--learner", default="", help="Passed on to the job.")
@click.argument("client", nargs=-1, required=True)
def main(
    client: tuple[str, ...],
    flink: str,
    bootstrap: str,
    registry: str,
    checkpoints: Path,
    trainers: int,
    in_step: int | None,
    window_ms: int | None,
    bounded_models: bool,
    learner: str,
) -> None:
    """Start or adopt the training job, and watch it. CLIENT is the command line of Flink's client."""
    log_lines.begin("flink-training")
    if job(flink) is None:
        options = ["--bootstrap", bootstrap, "--registry", registry, "--trainers", str(trainers)]
        options += ["--in-step", str(in_step)] if in_step else []
        options += ["--window-ms", str(window_ms)] if window_ms else []
        options += ["--bounded-models"] if bounded_models else []
        options += ["--learner", learner] if learner else []
        submit(client, flink, checkpoints, options)
    seen = None
    while (found := job(flink)) is not None:
        if found != seen:
            logger.info("job %s is %s", *found)
        seen = found
        time.sleep(2)
    logger.error("the job has ended: see Flink's logs")
    sys.exit(1)


if __name__ == "__main__":
    main()

"""The first thing every service runs, ``python -m infra.launch NAME``: wait for what it needs, then become it."""

import logging
import os
import time

import click

from infra import orphans
from infra.services import services
from infra.settings import ROOT, Settings
from schemas import log_lines

logger = logging.getLogger("infra.launch")


def launch(settings: Settings, name: str) -> None:
    """Wait for the needs of service ``name``, prepare it, and replace this process by it. Does not return."""
    known = services(settings)
    service = known[name]
    if left := orphans.end(settings, name):
        logger.info("ended %d processes that an earlier %s had left", len(left), name)
    for needed in service.needs:
        if needed not in known:
            continue
        waited = False
        while not known[needed].healthy(settings):
            if not waited:
                logger.info("%s waits for %s %s", name, needed, known[needed].address(settings))
            waited = True
            time.sleep(1)
        if waited:
            logger.info("%s goes on: %s is there", name, needed)
    command = service.command(settings)
    logger.info("%s starts", name)
    mark = {orphans.MARK: name, "FEDLOG_HOME": str(settings.home)}
    os.chdir(ROOT)
    os.execvpe(command.argv[0], command.argv, {**os.environ, **command.environment, **mark})  # noqa: S606


@click.command()
@click.argument("name")
def main(name: str) -> None:
    """Become service NAME."""
    log_lines.begin(name)
    launch(Settings(), name)


if __name__ == "__main__":
    main()

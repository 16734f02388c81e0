"""``make export`` and ``make import``."""

from pathlib import Path

import click

from infra.console import say
from infra.settings import Settings


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
def export_log(folder: Path) -> None:
    """Write every topic of Fedlog's, retrainings' too, into a new folder of Avro files."""
    # Here, as with import: no other command should wait for what these take to be loaded.
    from infra.archive.export import export, left_out
    from infra.archive.servers import log_of

    settings = Settings()
    with log_of(settings):
        archive = export(settings, folder)
        others = left_out(settings)
    say(f"{archive.said()} in {folder}. On another machine: `make import DIR=…`, then `make up`.")
    if others:
        say(f"Left out, for they are none of Fedlog's: {', '.join(others)}.")
    if gaps := archive.gaps():
        raise click.ClickException(
            f"Offsets without a record in {', '.join(gaps)}: the folder can be read, but not be imported."
        )


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def import_log(folder: Path) -> None:
    """Write what was exported into an empty log, every record at its offset."""
    from infra.archive.load import load
    from infra.archive.servers import log_of

    settings = Settings()
    with log_of(settings):
        archive = load(settings, folder)
    say(f"{archive.said()} on the log. `make up` builds everything else from it.")

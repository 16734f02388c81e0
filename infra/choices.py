"""What was asked of a system when it was started: the next ``make up`` need not repeat it."""

import json
from collections.abc import Collection
from pathlib import Path

import click

from infra.settings import Settings

FILES = ("data", "reader")
NO_FILES = ("", "synthetic")
REMEMBERED = ("data", "reader", "speed", "laps")


def settled(settings: Settings) -> Settings:
    """The settings, with what was chosen earlier for this home where nothing is said now; remembers the result.

    Raises:
        ClickException: a file that is named is not there, the speed is none, or another learner is named, which only a
            retraining has; nothing is remembered then.
    """
    path = settings.home / "chosen.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    # Who names other data means no longer the reader of what was there before.
    said = settings.model_fields_set | ({"reader"} if "data" in settings.model_fields_set else set())
    earlier = {name: before[name] for name in REMEMBERED if name in before and name not in said}
    after = settings.model_copy(update=earlier)
    # The services run in another folder than whoever named a file, and later.
    files = {name: str(Path(value).absolute()) for name in FILES if (value := getattr(after, name)) not in NO_FILES}
    after = after.model_copy(update=files)
    _check(after, earlier.keys())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: getattr(after, name) for name in REMEMBERED}))
    return after


def _check(settings: Settings, remembered: Collection[str]) -> None:
    for name in FILES:
        value = getattr(settings, name)
        # A reader of one's own may read a folder.
        there = Path(value).exists() if name == "data" and settings.reader else Path(value).is_file()
        if value not in NO_FILES and not there:
            earlier = ", which an earlier `make up` named," if name in remembered else ""
            raise click.ClickException(
                f"{name.upper()}={value}{earlier} is not there: name a file with `make up {name.upper()}=path`"
                + (", or `DATA=synthetic`." if name == "data" else ".")
            )
    if not _is_speed(settings.speed):
        raise click.ClickException(f"SPEED={settings.speed} is neither a number above 0 nor `max`.")
    # Spark, workers, `make verify` and lineage would each hold what it made against the usual network.
    if settings.learner:
        raise click.ClickException(
            f"FEDLOG_LEARNER={settings.learner} is of a retraining only: leave it out, and try it beside the fleet "
            f"with `make retrain INTO=name LEARNER={settings.learner}`."
        )


def _is_speed(value: str) -> bool:
    try:
        return value == "max" or 0 < float(value) < float("inf")
    except ValueError:
        return False

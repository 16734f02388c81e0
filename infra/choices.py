"""What was asked of a system when it was started: the next ``make up`` need not repeat it."""

import json
from pathlib import Path

from infra.settings import Settings

FILES = ("data", "reader")
NO_FILES = ("", "synthetic")
REMEMBERED = ("data", "reader", "speed", "laps")


def settled(settings: Settings) -> Settings:
    """The settings, with what was chosen earlier for this home where nothing is said now; remembers the result."""
    path = settings.home / "chosen.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    # Who names other data means no longer the reader of what was there before.
    said = settings.model_fields_set | ({"reader"} if "data" in settings.model_fields_set else set())
    earlier = {name: before[name] for name in REMEMBERED if name in before and name not in said}
    after = settings.model_copy(update=earlier)
    # The services run in another folder than whoever named a file, and later.
    files = {name: str(Path(value).absolute()) for name in FILES if (value := getattr(after, name)) not in NO_FILES}
    after = after.model_copy(update=files)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: getattr(after, name) for name in REMEMBERED}))
    return after

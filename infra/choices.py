"""What was asked of a system when it was started: the next ``make up`` need not repeat it."""

import json
from pathlib import Path

from infra.settings import Settings

SYNTHETIC = "synthetic"
REMEMBERED = ("data", "speed", "laps")


def settled(settings: Settings) -> Settings:
    """The settings, with what was chosen earlier for this home where nothing is said now; remembers the result."""
    path = settings.home / "chosen.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    earlier = {name: before[name] for name in REMEMBERED if name in before and name not in settings.model_fields_set}
    after = settings.model_copy(update=earlier)
    if after.data not in ("", SYNTHETIC):
        # The services run in another folder than whoever named the file, and later.
        after = after.model_copy(update={"data": str(Path(after.data).absolute())})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: getattr(after, name) for name in REMEMBERED}))
    return after

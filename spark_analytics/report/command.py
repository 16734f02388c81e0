"""The options of `make report`, to and fro. Pure."""

import shlex
from collections.abc import Mapping, Sequence

from spark_analytics.scores.wording import instant

Ends = Mapping[str, Mapping[int, int]]
"""By topic and partition, where to stop reading."""


def again(since: int | None, until: int | None, devices: Sequence[str], ends: Ends) -> str:
    """The command that makes the same page from the same records, whatever comes after."""
    said = {
        "FROM": "" if since is None else instant(since),
        "UNTIL": "" if until is None else instant(until),
        "DEVICES": ",".join(devices),
        "ENDS": ",".join(f"{topic}:{p}:{end}" for topic, own in ends.items() for p, end in own.items()),
    }
    return " ".join(["make report", *(shlex.quote(f"{name}={value}") for name, value in said.items() if value)])


class OptionError(ValueError):
    """What is asked for cannot be done; the message says why."""


def listed(text: str) -> list[str]:
    """What is joined by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def ends_of(text: str) -> Ends:
    """``TOPIC:PARTITION:OFFSET``, joined by commas.

    Raises:
        OptionError: one is not like that.
    """
    found: dict[str, dict[int, int]] = {}
    for word in listed(text):
        parts = word.split(":")
        if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
            raise OptionError(f"{word!r} is not like predictions:0:1234")
        found.setdefault(parts[0], {})[int(parts[1])] = int(parts[2])
    return found

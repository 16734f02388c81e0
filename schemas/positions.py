"""Where devices are: lines of a file, and events of kind ``placed`` on ``fleet_analytics``. Pure.

Nobody measures at what time a device was put somewhere, so a placing has a number, from 0 on for each device, in place
of a time: it starts and ends that many ms after 1990 began. The one with the highest number says where the device is.
A number is used once, so ids are never written to again, and a device that moves there and back is where it went last.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.events import FleetInsight

KIND = "placed"
BEGINNING = 631_152_000_000
"""Start and end of a device's first placing, ms: 1990-01-01, before which no event is."""

Position = tuple[float, float]
"""x and y, in metres, from wherever whoever measured them began."""
Positions = Mapping[str, Position]
"""By device."""


class PositionsError(ValueError):
    """A file of positions is not one."""


class Placing(NamedTuple):
    """Where a device was put, as the how-manieth time, from 0 on; None: it was taken away."""

    number: int
    position: Position | None


def positions(text: str) -> dict[str, Position]:
    """What a file says, of lines ``id x y`` as Intel Lab's ``mote_locs.txt``; ``7`` is ``mote-07``.

    Raises:
        PositionsError: a line is not such a one, or names a device again.
    """
    found: dict[str, Position] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not (words := line.split()):
            continue
        try:
            name, x, y = words[0], *map(float, words[1:])
        except ValueError as error:
            raise PositionsError(f"line {number} is not `id x y`: {line.strip()!r}") from error
        device_id = f"mote-{int(name):02d}" if name.isdecimal() else name
        if device_id in found or not (math.isfinite(x) and math.isfinite(y)):
            raise PositionsError(f"line {number}: {device_id} has a position already, or none: {line.strip()!r}")
        found[device_id] = x, y
    return found


def placed_id(device_id: str, number: int) -> str:
    """The deterministic name of a placing."""
    return f"{KIND}/{device_id}/{BEGINNING + number}"


def placings(events: Iterable[FleetInsight]) -> dict[str, Placing]:
    """By device, its newest placing.

    Args:
        events: findings, others among them. In whatever order, but of two with one id the first counts.
    """
    newest: dict[str, Placing] = {}
    for event in events:
        if event.kind != KIND:
            continue
        number, before = event.start - BEGINNING, newest.get(event.device_id)
        if before is None or number > before.number:
            numbers = event.numbers
            position = (numbers["x"], numbers["y"]) if numbers.keys() >= {"x", "y"} else None
            newest[event.device_id] = Placing(number, position)
    return newest


def whereabouts(newest: Mapping[str, Placing]) -> dict[str, Position]:
    """Where the devices are that are anywhere."""
    return {device_id: placing.position for device_id, placing in newest.items() if placing.position is not None}


def moves(newest: Mapping[str, Placing], wanted: Positions, dataset: str, source: str) -> list[FleetInsight]:
    """What to write so that devices are where ``wanted`` says, and no others anywhere; nothing where that is so.

    Args:
        newest: what is on the log.
        wanted: where devices are in truth.
        dataset: that they belong to.
        source: who says so, for people to read.
    """
    made = []
    for device_id in sorted({*newest, *wanted}):
        before, position = newest.get(device_id, Placing(-1, None)), wanted.get(device_id)
        if position != before.position:
            number = before.number + 1
            numbers = {} if position is None else {"x": position[0], "y": position[1]}
            moment = BEGINNING + number
            made.append(
                FleetInsight(
                    *(placed_id(device_id, number), KIND, device_id, None, moment, moment, numbers),
                    labels={"according_to": source},
                    dataset=dataset,
                )
            )
    return made

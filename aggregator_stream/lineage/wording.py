"""Words for what a lineage shows."""

from collections import Counter
from collections.abc import Sequence

from aggregator_stream.lineage.evidence import OUTCOMES, Record
from schemas.events import UNITS, Contribution, GlobalModel, Measurements, Reading
from schemas.wire import iso

FEW = 6
"""Of a longer list so many are named."""


def amount(values: Measurements | None) -> str:
    """Values with their units."""
    pairs = zip(values or Measurements(), UNITS.values(), strict=True)
    return " ".join(f"{value:.4g} {unit}" for value, unit in pairs if value is not None) or "nothing"


def seen(record: Record) -> str:
    """What a reading says, nothing if it is none."""
    reading = record.event
    if not isinstance(reading, Reading):
        return ""
    values = Measurements(reading.temperature, reading.humidity, reading.light, reading.voltage)
    return f"{iso(reading.event_time)}: {amount(values)}"


def span(start: int, end: int) -> str:
    """A stretch of time (ms), the day only once."""
    first, last = iso(start), iso(end)
    return f"{first}/{last[11:] if first[:10] == last[:10] else last}"


def arrows(numbers: Sequence[int]) -> str:
    """Versions one after the other, the middle of many left out."""
    shown = [str(number) for number in numbers]
    if len(shown) > FEW:
        shown = [*shown[: FEW // 2], "…", *shown[-FEW // 2 :]]
    return " → ".join(shown)


def outcomes(model: GlobalModel) -> str:
    """How many updates a window looked at, by what became of them."""
    counts = Counter(c.outcome for c in model.contributions)
    known = dict.fromkeys((*OUTCOMES, *counts))
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in known if counts[outcome]) or "no updates"


def reasons(contributions: Sequence[Contribution]) -> str:
    """Why, the most frequent first; without reasons, who."""
    counts = Counter(c.reason for c in contributions if c.reason)
    if not counts:
        return _first([c.update_id for c in contributions])
    return _first([f"{reason} ({count})" if count > 1 else str(reason) for reason, count in counts.most_common()])


def _first(words: Sequence[str]) -> str:
    more = len(words) - FEW
    return "; ".join(words[:FEW]) + (f"; and {more} more" if more > 0 else "")

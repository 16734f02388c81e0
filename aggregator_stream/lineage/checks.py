"""What must hold between readings, updates and models; a check that fails says what was expected and what was found.

Pure: the events have been fetched.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from aggregator_stream.lineage.evidence import SHARING, Record, Version, sharing
from forecaster import weights
from forecaster.bins import refusal
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.weights import WeightsError
from schemas.events import Contribution, GlobalModel, LocalUpdate, Reading
from schemas.wire import iso

Wrong = list[str]
"""Sentences; none if all is as it must be."""
ROUNDING = 1e-6
"""By which shares may miss 1."""


def same(what: str, expected: object, found: object) -> Wrong:
    """Both are equal."""
    return [] if expected == found else [f"{what}: expected {expected}, found {found}"]


def there(record: Record, kind: type, key: str) -> Wrong:
    """An event of that kind lies there, under that key."""
    if not isinstance(record.event, kind):
        return [f"{record.place}: expected a {kind.__name__}, found {record.instead or type(record.event).__name__}"]
    return same("key", key, (record.key or b"").decode(errors="replace"))


def in_last_bin(config: Config, end: int, reading: Reading) -> Wrong:
    """A reading is in the bin that ends at ``end``, ms."""
    if end - config.bin_ms <= reading.event_time < end:
        return []
    bin_ = f"in [{iso(end - config.bin_ms)}, {iso(end)})"
    return [f"event time of the last reading: expected {bin_}, found {iso(reading.event_time)}"]


def taken(config: Config, update: LocalUpdate, between: Sequence[tuple[int, int]]) -> tuple[Wrong, int]:
    """An update's readings came before its moment; also how many of them were refused, for they came late or jumped.

    Args:
        config: of the learning core.
        update: whose ``first_offset`` a device began a bin with.
        between: offset and event time (ms) of the device's readings from there to ``last_offset``.
    """
    opened, refused = None, 0
    wrong: Wrong = []
    for offset, event_time in between:
        if opened is not None and refusal(opened, event_time, config.bin_ms):
            refused += 1
            continue
        opened = event_time // config.bin_ms
        if event_time >= update.event_time:
            wrong = [f"reading at {offset}: expected before {iso(update.event_time)}, found {iso(event_time)}"]
    return wrong, refused


def model(config: Config, event: GlobalModel) -> Wrong:
    """A model's weights can be read, its shares are of one whole, and a device has one."""
    shares = sharing(event)
    total = sum(c.coefficient for c in shares)
    wrong = readable(config, event.architecture, event.weights)
    if shares and abs(total - 1) > ROUNDING:
        wrong.append(f"sum of the coefficients: expected 1, found {total:.9g}")
    for c in event.contributions:
        if c.outcome not in SHARING and c.coefficient:
            wrong += same(f"coefficient of {c.update_id}, which is {c.outcome}", 0, c.coefficient)
    for device_id, count in Counter(c.device_id for c in shares).items():
        wrong += same(f"updates of {device_id} in the weights", 1, count)
    return wrong


def readable(config: Config, fingerprint: str, data: bytes) -> Wrong:
    """Weights are of our architecture."""
    if wrong := same("architecture", architecture(config), fingerprint):
        return wrong
    try:
        weights.flat_from_bytes(config, data)
    except WeightsError as error:
        return [f"weights: expected those of {fingerprint}, found {error}"]
    return []


def contribution(event: GlobalModel, said: Contribution, update: LocalUpdate) -> Wrong:
    """An update is the one that a model says it is, and could be in its window."""
    names = ("update_id", "device_id", "event_time", "base_version", "example_count")
    wrong = [s for name in names for s in same(name, getattr(said, name), getattr(update, name))]
    wrong += same("architecture", event.architecture, update.architecture)
    if update.event_time > event.window_end:
        wrong.append(f"event time: expected up to {iso(event.window_end)}, found {iso(update.event_time)}")
    known_by = (update.closed_at or 0) - event.rules.get("lateness_ms", 0)
    if "lateness_ms" in event.rules and known_by >= event.window_end:
        latest = iso(event.window_end + int(event.rules["lateness_ms"]))
        wrong.append(f"closed_at: expected before {latest}, found {iso(update.closed_at or 0)}")
    return wrong


def base(versions: Mapping[int, Version], update: LocalUpdate) -> Wrong:
    """The version that an update stands on was there before it; 0 always was."""
    if not update.base_version:
        return []
    if (version := versions.get(update.base_version)) is None:
        return missing(versions, update.base_version)
    wrong = []
    if not version.known_by(update.event_time):
        wrong.append(f"end of its window: expected before {iso(update.event_time)}, found {iso(version.window_end)}")
    if update.adopted_at is not None and not version.window_end <= update.adopted_at <= update.event_time:
        span = f"from {iso(version.window_end)} to {iso(update.event_time)}"
        wrong.append(f"adopted_at: expected {span}, found {iso(update.adopted_at)}")
    return wrong


def parent(versions: Mapping[int, Version], number: int) -> Wrong:
    """A version is on the log and came after its parent, whose weights it has unless an update changed them."""
    if not number:
        return []
    if (version := versions.get(number)) is None:
        return missing(versions, number)
    if version.parent >= number:
        return [f"parent of version {number}: expected an older one, found {version.parent}"]
    before = versions.get(version.parent)
    if before is None:
        # A link of its own says so, unless it is version 0.
        return []
    wrong = []
    if before.window_end > version.window_start:
        span = f"from {iso(before.window_end)} on, where that of {before.number} ends"
        wrong.append(f"window of version {number}: expected {span}, found {iso(version.window_start)}")
    if not version.changed and version.digest != before.digest:
        wrong.append(f"weights of version {number}, which no update changed: expected those of {before.number}")
    return wrong


def missing(versions: Mapping[int, Version], number: int) -> Wrong:
    """A version is not on the log."""
    return [f"version {number}: expected on global_models, found {len(versions)} others"]

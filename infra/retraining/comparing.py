"""``make compare``: the errors of two trainings on the same targets, side by side."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from confluent_kafka.admin import AdminClient
from rich.table import Table

from infra import ready
from infra.archive.progress import progress
from infra.archive.reading import LogReader, partitions_of
from infra.retraining.copying import noted
from infra.retraining.names import RetrainingError, prefixed
from infra.retraining.scores import Beside, Scores, added, beside
from infra.settings import Settings
from schemas.codec import Codec, UndecodableRecord
from schemas.events import UNITS


class Side(NamedTuple):
    """What one training is: how many versions, and how the newest was made."""

    name: str
    versions: int
    strategy: str
    architecture: str


class Comparison(NamedTuple):
    """Two trainings on the targets that both have scored."""

    a: Side
    b: Side
    rows: list[Beside]


def compare(settings: Settings, a: str, b: str) -> Comparison:
    """Read both from the log.

    Args:
        settings: of the system whose log it is.
        a: the one's prefix; empty: the originals.
        b: the other's.

    Raises:
        RetrainingError: there is no such training, or they have nothing in common.
    """
    ready.must_have_log(settings)
    devices: dict[str, int] = {}
    codec = Codec(settings.registry)
    first, second = (_scores(settings, codec, prefix, devices) for prefix in (a, b))
    for prefix, scores in ((a, first), (b, second)):
        if not scores.count:
            raise RetrainingError(f"{_named(prefix)} has scored no forecast yet, or devices' own are not on its topic.")
    rows = beside(first, second, devices)
    if not rows:
        raise RetrainingError(f"{_named(a)} and {_named(b)} have scored no target in common.")
    return Comparison(_side(settings, codec, a), _side(settings, codec, b), rows)


def shown(found: Comparison) -> Table:
    """For a person."""
    table = Table(caption="\n".join(map(_told, (found.a, found.b))), caption_justify="left")
    for column in ("", "minutes", "targets", found.a.name, found.b.name, "persistence", "worst device of each"):
        table.add_column(column, justify="left" if column in ("", "worst device of each") else "right")
    for row in found.rows:
        errors = (f"{value:.4f}" for value in (row.a, row.b, row.persistence))
        worst = " · ".join(f"{device} {error:.3f}" for device, error in (row.worst_a, row.worst_b))
        table.add_row(f"{row.sensor} {UNITS[row.sensor]}", str(row.horizon), f"{row.targets:,}", *errors, worst)
    return table


def _told(side: Side) -> str:
    return f"{side.name}: {side.versions} versions, by {side.strategy}, network {side.architecture}"


def _named(prefix: str) -> str:
    return prefix or "the original"


def _scores(settings: Settings, codec: Codec, prefix: str, devices: dict[str, int]) -> Scores:
    return added(Scores(devices), _rows(settings, codec, prefix, "predictions"))


def _side(settings: Settings, codec: Codec, prefix: str) -> Side:
    versions = 0
    newest: dict[str, Any] = {"version": 0, "strategy": "none", "strategy_parameters": {}, "architecture": "none"}
    for row in _rows(settings, codec, prefix, "global_models"):
        versions += 1
        newest = max(newest, row, key=lambda each: each["version"])
    told = ",".join(f"{name}={value:g}" for name, value in sorted(newest["strategy_parameters"].items()))
    return Side(_named(prefix), versions, newest["strategy"] + (f" ({told})" if told else ""), newest["architecture"])


def _rows(settings: Settings, codec: Codec, prefix: str, topic: str) -> Iterator[dict[str, Any]]:
    """The topic's events as Avro has them; what is none is passed over, for the sink has a letter of it."""
    name = prefixed(prefix, topic)
    if name not in partitions_of(AdminClient({"bootstrap.servers": settings.bootstrap})):
        raise RetrainingError(f"There is no topic {name}: `make retrain INTO={prefix}` makes it.")
    ranges = noted(settings, [name])
    reader = LogReader(settings.bootstrap)
    try:
        with progress(f"reading {name}", sum(end - first for first, end in ranges.values())) as advance:
            for message in reader.read(ranges):
                advance("")
                try:
                    yield codec.row(topic, message.value(), message.key())
                except UndecodableRecord:
                    continue
    finally:
        reader.close()

"""What a stretch of the replay adds to the log: pure, so that a resumed log can be compared with an undisturbed one."""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from producers.cleaning import Verdict
from producers.dataset import DataSet, letter, reading
from producers.partitioning import partition_of
from producers.replay import Stretch
from producers.resume import Resumption
from schemas.events import DeadLetter, FleetInsight, Reading
from schemas.wire import key_of


class Partitions(NamedTuple):
    """How many partitions the two topics have."""

    iot_stream: int
    dead_letters: int


class Outgoing(NamedTuple):
    """An event, the partition it belongs into, and its moment in the replay (ms)."""

    event: Reading | DeadLetter | FleetInsight
    partition: int
    moment: int


def announcements(placed: Iterable[FleetInsight], partitions: int) -> Iterator[Outgoing]:
    """Where devices are, said before the replay, for a topic of so many partitions."""
    return (Outgoing(event, partition_of(key_of(event), partitions), event.end) for event in placed)


def receiving(data: DataSet, partitions: int) -> dict[int, int]:
    """Mote to partition of ``iot_stream``, for every mote with a reading."""
    motes = np.unique(data.rows["mote"][data.rows["verdict"] == Verdict.ACCEPTED])
    return {int(mote): partition_of(data.device_id(int(mote)).encode(), partitions) for mote in motes}


def outgoing(
    data: DataSet, stretch: Stretch, resumption: Resumption, sent: Container[str], partitions: Partitions
) -> Iterator[Outgoing]:
    """The events of a stretch that the log does not have yet, in order.

    Args:
        data: what is replayed.
        stretch: which part of it.
        resumption: what the log's partitions have.
        sent: ids of the dead letters found behind the barrier.
        partitions: of the two topics.
    """
    rows = data.rows[stretch.lo : stretch.hi]
    ordinals = np.arange(stretch.ordinal, stretch.ordinal + len(rows))
    accepted = rows["verdict"] == Verdict.ACCEPTED
    motes, group = np.unique(np.where(accepted, rows["mote"], 0), return_inverse=True)
    home = [partition_of(data.device_id(int(mote)).encode(), partitions.iot_stream) for mote in motes]
    done = np.array([resumption.done[partition] for partition in home], np.int64)[group]
    missing = (accepted & (ordinals > done)) | (~accepted & (stretch.lap == 0) & (ordinals >= resumption.letters_from))
    shift = stretch.lap * data.timeline.span
    where = np.flatnonzero(missing)
    for at, group_of, fields in zip(where.tolist(), group[where].tolist(), rows[where].tolist(), strict=True):
        if fields[4] == Verdict.ACCEPTED:
            event = reading(data, fields, stretch.lap, shift, stretch.ordinal + at)
            yield Outgoing(event, home[group_of], event.event_time)
        else:
            refused = letter(data, stretch.lo + at)
            if refused.letter_id not in sent:
                yield Outgoing(refused, partition_of(key_of(refused), partitions.dead_letters), fields[0])

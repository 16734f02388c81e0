"""Where a replay goes on after it was cut off anywhere: told by the log alone.

A partition holds a prefix of the readings meant for it, because the idempotent producer keeps their order. So its last
record says what it has, and every ordinal up to that is skipped for it.

Dead letters have no such order with the readings. Therefore the producer waits at every multiple of ``BARRIER``
ordinals until all that it sent is acknowledged. A reading of position p on the log proves that p's barrier was passed:
all letters before it are there. Those behind it are sent again unless their ids are found.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from producers.dataset import DataSet
from producers.partitioning import partition_of
from producers.replay import event_time, locate

BARRIER = 10_000  # ordinals
_MEND = "empty the log with `make clean`, or give this run a FEDLOG_HOME of its own"


class OtherReplayError(ValueError):
    """The log holds another replay; going on would turn event time back or repeat readings."""


class Tail(NamedTuple):
    """The last reading of a partition that came from a replay; times in ms."""

    partition: int
    position: int
    device_id: str
    event_time: int
    dataset: str


class Resumption(NamedTuple):
    """Where to go on.

    ``start``: first ordinal to look at. ``letters_from``: first ordinal whose letter may be missing.
    ``done``: the last position that each partition has, -1 for none.
    """

    start: int
    letters_from: int
    done: tuple[int, ...]


def resumption(tails: Iterable[Tail], partitions: int, receiving: Iterable[int]) -> Resumption:
    """Where the replay goes on, given what the log holds.

    Args:
        tails: one for each partition that holds readings.
        partitions: how many the topic has.
        receiving: the partitions that some device's readings go to.
    """
    done = [-1] * partitions
    for tail in tails:
        done[tail.partition] = tail.position
    barrier = max(max(done), 0) // BARRIER * BARRIER
    return Resumption(min([barrier, *(done[p] + 1 for p in receiving)]), barrier, tuple(done))


def check(tails: Sequence[Tail], data: DataSet, partitions: int) -> None:
    """Make sure that what the log holds is the beginning of this replay.

    Args:
        tails: one for each partition that holds readings.
        data: what is about to be replayed.
        partitions: how many the topic has.

    Raises:
        OtherReplayError: another data set, other content under the same name, or another partitioning.
    """
    line = data.timeline
    for tail in tails:
        if tail.dataset != data.name:
            raise OtherReplayError(
                f"iot_stream holds a replay of {tail.dataset!r}, this one is of {data.name!r} "
                f"and would turn event time back: {_MEND}"
            )
        lap, index = locate(line, tail.position)
        row = data.rows[index]
        expected = data.device_id(int(row["mote"])), event_time(line, int(row["event_time"]), lap)
        if expected != (tail.device_id, tail.event_time):
            raise OtherReplayError(
                f"position {tail.position} of {data.name!r} is {tail.device_id} at {tail.event_time} in iot_stream "
                f"but {expected[0]} at {expected[1]} in this data, which is another file of the same name: {_MEND}"
            )
        home = partition_of(tail.device_id.encode(), partitions)
        if home != tail.partition:
            raise OtherReplayError(
                f"iot_stream has {tail.device_id} in partition {tail.partition}, its key belongs into "
                f"{home}: the topic's partitions have changed since; {_MEND}"
            )

"""Which of a device's batches may go on, where they wait for the watermark."""

from collections.abc import Sequence
from itertools import takewhile

from flink_training.packing import Batch


def newest(batch: bytes) -> int:
    """The latest event time in a packed batch, ms; 0 where no record of it is sound."""
    return int(Batch(batch).records["event_time"].max())


def released(batches: Sequence[bytes], watermark: int) -> int:
    """How many of the batches, from the first on, go on when both watermarks have come to ``watermark``, ms.

    Never one before another that came before it: a batch of nothing but late records has the earlier event time, and
    what is late is told by what was before it.
    """
    return sum(1 for _ in takewhile(lambda batch: newest(batch) <= watermark, batches))

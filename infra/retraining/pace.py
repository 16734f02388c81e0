"""When a retraining begins to wait for models, and when it has done its work."""

from typing import NamedTuple

from forecaster.config import Config

QUIET_S = 20.0
"""After which nothing more is to be expected, where all readings have been trained on."""
STALLED_S = 600.0
"""After which something must be wrong, where they have not. Before the first update comes what XLA compiles for another
network: on two cores with much else to do three minutes were too few."""
BEHIND_MS = 7_200_000
"""By which the last mark of a watermark may lie behind the last reading: disorder, bins and marks."""


def first_due(config: Config, window_ms: int, first: int) -> int:
    """Before this moment (ms) no model can be due to a fleet whose first bin is ``first``.

    The first update follows the first label, and a window ends with or after it.
    """
    labelled = (first + config.horizons[0] + 1) * config.bin_ms
    return -(-labelled // window_ms) * window_ms + config.adoption_delay_ms


class Progress(NamedTuple):
    """How far training is: the newest watermark on the log, and when anything came last.

    Attributes:
        last: timestamp of the last reading, ms.
        watermark: ms.
        heard: of a clock that only goes forward, s.
    """

    last: int
    watermark: int
    heard: float

    def after(self, watermarks: list[int], now: float) -> "Progress":
        """When something has come, with these watermarks."""
        return self._replace(watermark=max([self.watermark, *watermarks]), heard=now)

    def done(self, now: float) -> bool:
        """Whether all readings are trained on, and what came of them is there."""
        return self.watermark >= self.last - BEHIND_MS and now - self.heard >= QUIET_S

    def stalled(self, now: float) -> bool:
        """Whether nothing has come for too long."""
        return not self.done(now) and now - self.heard >= STALLED_S

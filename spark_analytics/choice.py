"""Which version of the global model forecasts at which bin, and whether that was known to be old. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1
"""Whether a forecast is stale, where there is no model to be old."""


class Choice(NamedTuple):
    """For some bins of a device: int64 [n], 0 for persistence; int32 [n], 0, 1 or ``UNKNOWN``."""

    versions: NDArray[np.int64]
    stale: NDArray[np.int32]


Choose = Callable[[str, NDArray[np.int64]], Choice]
"""For a device and the ends of its bins, ms."""


class Pin(NamedTuple):
    """What a micro-batch forecasts with.

    Attributes:
        version: of the model, 0 where there is none yet.
        followed: the newest version on the log, whose word that is.
        window_end: of that one, ms of event time.
        stale_after_ms: event time after which that counts as old; 0: never.
    """

    version: int
    followed: int
    window_end: int
    stale_after_ms: int

    def choose(self, device_id: str, ends: NDArray[np.int64]) -> Choice:
        """The same version for everybody, stale from a moment of event time on."""
        if not self.version:
            stale = np.full(len(ends), UNKNOWN, np.int32)
        else:
            stale = (ends - self.window_end > self.stale_after_ms).astype(np.int32) * bool(self.stale_after_ms)
        return Choice(np.full(len(ends), self.version, np.int64), stale.astype(np.int32))


class Run(NamedTuple):
    """From one bin of a device on, whose forecasts were made at ``begin`` (ms), the same version and word on its age.

    ``end`` is the last such moment.
    """

    begin: int
    end: int
    version: int
    stale: int


Runs = Mapping[str, list[Run]]
"""Of each device, in order."""


def runs(made: Iterable[tuple[int, int, int]]) -> list[Run]:
    """A device's, from moments (ms), versions and words on their age, in any order; of a moment the first counts."""
    first: dict[int, tuple[int, int]] = {}
    for moment, version, stale in made:
        first.setdefault(moment, (version, stale))
    found: list[Run] = []
    for moment, chosen in sorted(first.items()):
        if found and found[-1][2:] == chosen:
            found[-1] = found[-1]._replace(end=moment)
        else:
            found.append(Run(moment, moment, *chosen))
    return found


def recorded(past: Runs, pin: Pin) -> Choose:
    """What the log says was chosen, where it says so; the pin after that."""

    def choose(device_id: str, ends: NDArray[np.int64]) -> Choice:
        chosen, known = pin.choose(device_id, ends), past.get(device_id, [])
        if not known or ends[0] > known[-1].end:
            return chosen
        begins = [run.begin for run in known]
        for i in np.flatnonzero(ends <= known[-1].end).tolist():
            run = known[max(bisect_right(begins, int(ends[i])) - 1, 0)]
            chosen.versions[i], chosen.stale[i] = run.version, run.stale
        return chosen

    return choose

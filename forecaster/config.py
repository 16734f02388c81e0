"""What a forecaster is: the numbers that training, evaluation and replay must share."""

import math
from typing import Any, NamedTuple

SENSORS = ("temperature", "humidity", "light", "voltage")
SCALES = (1.0, 2.0, 100.0, 0.02)
"""A usual half-hour move of each sensor (°C, %RH, lux, V): fixed, so that every device's weights mean the same."""
LEVELS = (20.0, 40.0, 300.0, 2.6)
"""A usual value of each sensor (°C, %RH, lux, V), subtracted from the level feature."""
DAY_MS = 86_400_000
HALF_HOUR_MS = 1_800_000


class Detection(NamedTuple):
    """Settings of the search for anomalies; hashable.

    Attributes:
        false_alarms: false episodes of a device in a day.
        bins: that an episode lasts on average, as far as it is false.
        days: after which what was usual has mostly been forgotten.
        release: usual sizes of an hour's move within which a drift is over.
        patience: bins after which it is over in any case.
        accepted: bins after which an alarm is taken for a new normal.
    """

    false_alarms: float = 0.15
    bins: float = 1.1
    days: float = 10.0
    release: float = 2.5
    patience: int = 30
    accepted: int = 72


class Config(NamedTuple):
    """Settings of the learning core; hashable, a static argument of every jitted function.

    Attributes:
        bin_ms: length of a bin of event time, ms; divides a day.
        horizons: how far ahead to forecast, in bins, ascending.
        width: units in each of the two hidden layers.
        learning_rate: of Adam.
        huber_delta: where the network's loss turns linear, in scaled units.
        replays: examples from the device's own past in each gradient step.
        memory: how many past examples a device keeps.
        skip: share of the usual move of this time of day that every forecast starts from.
        climatology_days: days after which a usual move has forgotten.
        linear_prior: variance of the linear model's weights before it has learned.
        linear_delta: largest error from which the linear model learns, in scaled units.
        norm_limit: size of all the network's weights from which training counts as diverged.
        adoption: how a device takes up a newer global network, one of ``adoption.POLICIES``.
        blend: share of the global network in that of an old device that adopts it.
        youth: examples after which that share has come half-way down from all of it.
        proximity: weight of the squared distance from the global network in the loss, where adoption is proximal.
        update_bins: bins of event time between two updates of a device.
        adoption_delay_ms: event time between the end of a window and when devices follow its model's event: the
            window's lateness, and as long again for the event to reach them. What is left of the next window is when
            they judge the new candidate.
        detection: how anomalies are told.
        seed: of the common initial weights and of every draw.
    """

    bin_ms: int = 300_000
    horizons: tuple[int, ...] = (6, 12, 24)
    width: int = 24
    learning_rate: float = 1e-3
    huber_delta: float = 0.2
    replays: int = 8
    memory: int = 512
    skip: float = 0.6
    climatology_days: float = 10.0
    linear_prior: float = 0.01
    linear_delta: float = 0.2
    norm_limit: float = 1000.0
    adoption: str = "blend"
    blend: float = 0.3
    youth: float = 1.0
    proximity: float = 0.01
    update_bins: int = 6
    adoption_delay_ms: int = 1_200_000
    detection: Detection = Detection()
    seed: int = 0

    @property
    def span(self) -> int:
        """Bins that must be remembered: from the newest back to the longest horizon."""
        return self.horizons[-1] + 1

    @property
    def outputs(self) -> tuple[int, int]:
        """Shape of a forecast: horizons, sensors."""
        return len(self.horizons), len(SENSORS)

    @property
    def horizons_ms(self) -> tuple[int, ...]:
        """The horizons in ms."""
        return tuple(bins * self.bin_ms for bins in self.horizons)

    @property
    def half_hour(self) -> int:
        """Bins in half an hour, at least one."""
        return max(HALF_HOUR_MS // self.bin_ms, 1)

    @property
    def day(self) -> int:
        """Bins in a day."""
        return DAY_MS // self.bin_ms


CHOSEN = (
    *("width", "learning_rate", "huber_delta", "replays", "memory", "skip", "climatology_days"),
    *("linear_prior", "linear_delta", "blend", "youth", "seed"),
)
"""What ``configured`` takes: not what a forecast is of, so that two learners' can be compared."""


def pairs(text: str) -> list[tuple[str, str]]:
    """What ``name=value,name=value`` says."""
    said = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return [(name.strip(), value) for name, _, value in said]


def configured(text: str) -> Config:
    """The learner that ``name=value,name=value`` says; whatever it leaves out is as ever.

    Raises:
        ValueError: no such name, no finite number, or one that is too small.
    """
    changed: dict[str, Any] = {}
    for name, value in pairs(text):
        if name not in CHOSEN:
            raise ValueError(f"the learner has no {name!r}: take {', '.join(CHOSEN)}")
        kind = type(Config._field_defaults[name])
        changed[name] = kind(value)
        if not math.isfinite(changed[name]):
            raise ValueError(f"{name} {value} is not finite")
        if changed[name] < 0 or (name in ("width", "replays", "memory") and not changed[name]):
            raise ValueError(f"{name} {value} is too small")
    return Config()._replace(**changed)

"""Typed events, one class per record schema in this folder.

Every moment is an ``int``: milliseconds since 1970-01-01 UTC, event time. Every measurement is a ``float`` in the
unit of its sensor (°C, %RH, lux, V) or ``None`` where there is none. ``tests/unit/test_schemas.py`` holds each class
against its ``.avsc``.
"""

from typing import NamedTuple

UNITS = {"temperature": "°C", "humidity": "%RH", "light": "lux", "voltage": "V"}
SENSORS = tuple(UNITS)


class Measurements(NamedTuple):
    """One value per sensor: °C, %RH, lux, V."""

    temperature: float | None = None
    humidity: float | None = None
    light: float | None = None
    voltage: float | None = None


class Reading(NamedTuple):
    """What a device measured at one moment (topic ``iot_stream``)."""

    device_id: str
    event_time: int
    epoch: int | None
    temperature: float | None
    humidity: float | None
    light: float | None
    voltage: float | None
    dataset: str
    lap: int = 0
    position: int = -1


class HorizonError(NamedTuple):
    """Prequential error of one sensor at one horizon (ms), in the sensor's unit, beside persistence's."""

    sensor: str
    horizon_ms: int
    count: int  # type: ignore[assignment]  # the schema's word, though tuples have a method of that name
    mae: float
    persistence_mae: float


class PairedError(NamedTuple):
    """Error of a global model's own forecasts of a sensor at a horizon (ms), in the sensor's unit, beside others'."""

    sensor: str
    horizon_ms: int
    count: int  # type: ignore[assignment]
    mae: float
    champion_mae: float
    persistence_mae: float


class Evaluation(NamedTuple):
    """How a version of the global model did beside the champion on one device's labels."""

    version: int
    champion: int
    errors: tuple[PairedError, ...]


class FleetEvaluation(NamedTuple):
    """How a version did beside the champion in a window; ``ratio`` is that of its error to the champion's."""

    version: int
    champion: int
    devices: int
    examples: int
    ratio: float
    errors: tuple[PairedError, ...]


class LocalUpdate(NamedTuple):
    """What one device had learned up to a moment (topic ``local_updates``)."""

    update_id: str
    device_id: str
    sequence: int
    event_time: int
    base_version: int
    adopted_at: int | None
    architecture: str
    weights: bytes
    example_count: int
    reading_partition: int
    first_offset: int
    last_offset: int
    errors: tuple[HorizonError, ...]
    dataset: str
    resets: int = 0
    closed_at: int | None = None
    evaluations: tuple[Evaluation, ...] = ()


class Contribution(NamedTuple):
    """One update in a window's decision: where it lies on the log and what became of it."""

    update_id: str
    device_id: str
    partition: int
    offset: int
    event_time: int
    base_version: int
    staleness: int
    example_count: int
    coefficient: float
    outcome: str
    reason: str | None = None


class Decision(NamedTuple):
    """What an event changes in the standing of a version, by whom and why.

    ``promoted``, ``rejected``, ``rolled_back``, ``pinned``, or ``released``: no longer pinned.
    """

    version: int
    state: str
    by: str
    reason: str


class GlobalModel(NamedTuple):
    """One version of the fleet's model (topic ``global_models``)."""

    model: str
    version: int
    parent_version: int
    window_start: int
    window_end: int
    strategy: str
    strategy_parameters: dict[str, float]
    architecture: str
    weights: bytes
    contributions: tuple[Contribution, ...]
    example_count: int
    errors: tuple[HorizonError, ...]
    promotion: str
    resume_offsets: dict[str, int]
    dataset: str
    rules: dict[str, float] = {}  # noqa: RUF012  # events are not written to
    notes: dict[str, float] = {}  # noqa: RUF012
    server_state: bytes = b""
    reason: str | None = None
    champion: int = -1
    pinned: bool = False
    decisions: tuple[Decision, ...] = ()
    command_offsets: dict[str, int] = {}  # noqa: RUF012
    fallback: int = -1
    candidates: tuple[int, ...] = ()
    evaluations: tuple[FleetEvaluation, ...] = ()

    @property
    def stands_on(self) -> int:
        """The version that everybody stands on from here on."""
        return self.version if self.champion < 0 else self.champion


class ModelCommand(NamedTuple):
    """What an operator wants of the global model (topic ``model_commands``): ``rollback`` to a version or ``release``.

    ``issued_at`` is by the operator's clock, and nothing is decided by it.
    """

    command_id: str
    model: str
    action: str
    version: int
    reason: str
    issued_at: int


class Summand(NamedTuple):
    """One member of a window, where its update lies in the plan's partition, and how much it counts."""

    update_id: str
    offset: int
    example_count: int
    discount: float


class WindowPlan(NamedTuple):
    """Some of a window's members, of one partition of ``local_updates``, to be summed up (topic ``window_plans``)."""

    plan_id: str
    model: str
    version: int
    window_end: int
    strategy: str
    strategy_parameters: dict[str, float]
    architecture: str
    parent: bytes
    partition: int
    summands: tuple[Summand, ...]


class PartShare(NamedTuple):
    """What became of a summand: its weight, ``accepted`` or ``clipped``, and why."""

    update_id: str
    weight: float
    outcome: str
    reason: str | None = None


class WindowPart(NamedTuple):
    """What a plan's members come to (topic ``window_parts``)."""

    plan_id: str
    model: str
    version: int
    window_end: int
    partition: int
    sums: bytes
    shares: tuple[PartShare, ...]


class Prediction(NamedTuple):
    """A forecast, and under the same id the forecast scored (topic ``predictions``)."""

    prediction_id: str
    source: str
    device_id: str
    model_version: int
    made_at: int
    target_at: int
    horizon_ms: int
    forecast: Measurements
    persistence: Measurements
    actual: Measurements | None
    error: Measurements | None
    anomaly_score: float | None
    anomaly: bool | None
    reading_partition: int
    reading_offset: int
    dataset: str
    network: Measurements | None = None
    fault: str | None = None
    stale: bool | None = None


class DeadLetter(NamedTuple):
    """What a stage could not digest (topic ``dead_letters``)."""

    letter_id: str
    stage: str
    origin_topic: str
    origin_partition: int
    origin_offset: int
    origin_key: bytes | None
    origin_timestamp: int | None
    error_class: str
    error_message: str
    original: bytes


class FleetInsight(NamedTuple):
    """A finding about a device, or the fleet, over a time that is over (topic ``fleet_analytics``).

    ``numbers`` are in the unit of ``sensor`` where their names do not say otherwise.
    """

    insight_id: str
    kind: str
    device_id: str
    sensor: str | None
    start: int
    end: int
    numbers: dict[str, float]
    labels: dict[str, str] = {}  # noqa: RUF012
    reading_partition: int | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    dataset: str = ""


Event = (
    Reading
    | LocalUpdate
    | GlobalModel
    | ModelCommand
    | WindowPlan
    | WindowPart
    | Prediction
    | DeadLetter
    | FleetInsight
)

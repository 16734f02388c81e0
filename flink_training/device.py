"""What happens to one device when readings of its arrive: a pure step, the same in Flink, replay and tests.

However the readings are cut into batches, state and events are the same to the bit.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flink_training.forecasts import Forecasts, columns
from flink_training.tally import Scored, Tally, scored
from forecaster import adoption, bins, course, weights
from forecaster.bins import Bin, ClockJumpError, Columns, LateReadingError, OpenBin
from forecaster.config import Config
from forecaster.course import Bins
from forecaster.knowledge import Knowledge, architecture
from forecaster.vectors import Vectors
from schemas.events import LocalUpdate


class FleetModel(NamedTuple):
    """A global model as a device sees it: the end of its window (ms) and what it knows."""

    window_end: int
    knowledge: Knowledge


class Training(NamedTuple):
    """The part of a device's state that changes once a bin.

    Attributes:
        learner: the learning core's state, all its numbers (``course.learner``).
        tally: prequential errors and labels since the last update.
        version: the global model last adopted, 0 for the common start.
        adopted_at: end of the bin at which it was, ms.
        sequence: of the last update emitted.
        slot: update interval of the last update, counted since 1970.
        first_offset: of the first reading not yet behind an update, -1 until its bin has closed.
    """

    learner: Vectors
    tally: Tally
    version: int
    adopted_at: int | None
    sequence: int
    slot: int
    first_offset: int


class Device(NamedTuple):
    """The state of one device."""

    open_bin: OpenBin | None = None
    training: Training | None = None


class Readings(NamedTuple):
    """Readings of one device in the order of its partition of ``iot_stream``."""

    device_id: str
    dataset: str
    partition: int
    columns: Columns


class Outcome(NamedTuple):
    """What some readings brought.

    Attributes:
        updates: in order.
        forecasts: in order, made and scored.
        refused: readings that cannot be placed in time, by index; the state is as if they had not been.
    """

    updates: list[LocalUpdate]
    forecasts: list[Forecasts]
    refused: dict[int, LateReadingError | ClockJumpError]


def step(
    config: Config, device: Device, readings: Readings, models: Mapping[int, FleetModel]
) -> tuple[Device, Outcome]:
    """Take readings; emit what the bins bring that they close.

    Args:
        config: of the learning core.
        device: the state before.
        readings: the device's next readings on the log.
        models: the global models known so far, by version.
    """
    opened, closed, refused = bins.fold(device.open_bin, readings.columns, config.bin_ms)
    outcome, training = Outcome([], [], refused), device.training
    ends = np.array([(bin_.number + 1) * config.bin_ms for bin_ in closed], np.int64)
    window_ends = {version: model.window_end for version, model in models.items()}
    versions = adoption.due(config, window_ends, training.version if training else 0, ends)
    while closed:
        if training is None:
            fleet = models[int(versions[0])].knowledge if versions[0] else None
            training = _beginning(config, closed[0], fleet, int(versions[0]))
        n = _together(config, training.version, closed, versions)
        training, updates, made = _learned(config, training, closed[:n], versions[:n], readings, models)
        outcome.updates.extend(updates)
        outcome.forecasts.append(made)
        closed, versions = closed[n:], versions[n:]
    return Device(opened, training), outcome


def _beginning(config: Config, first: Bin, fleet: Knowledge | None, version: int) -> Training:
    """A device without history takes what is due as it is."""
    adopted_at = (first.number + 1) * config.bin_ms if version else None
    slot = first.number // config.update_bins
    return Training(course.begin(config, fleet), Tally.empty(config), version, adopted_at, 0, slot, -1)


def _together(config: Config, version: int, closed: list[Bin], versions: NDArray[np.int64]) -> int:
    """How many of the next bins one call takes."""
    changes = np.flatnonzero(np.diff(versions, prepend=version))
    intervals = np.array([(bin_.number + 1) // config.update_bins for bin_ in closed[: course.BINS]], np.int64)
    # With the first bin's own interval, which it may end.
    updates = np.flatnonzero(np.diff(intervals, prepend=intervals[0] - 1))
    limits = [(changes, course.MODELS), (updates, course.UPDATES)]
    return min(len(intervals), *(int(at[most]) for at, most in limits if len(at) > most), course.BINS)


def _learned(
    config: Config,
    training: Training,
    closed: list[Bin],
    versions: NDArray[np.int64],
    readings: Readings,
    models: Mapping[int, FleetModel],
) -> tuple[Training, list[LocalUpdate], Forecasts]:
    """Adopt, score, learn and forecast, bin after bin."""
    changes = np.flatnonzero(np.diff(versions, prepend=training.version))
    taken = Bins(
        np.array([bin_.number for bin_ in closed], np.int64),
        np.array([bin_.summary for bin_ in closed], np.float32),
        versions,
        changes,
    )
    adopted = [models[version].knowledge for version in versions[changes].tolist()]
    went = course.run(config, training.learner, training.slot, training.tally.labels, taken, adopted)
    moments = {int(versions[i]): (closed[i].number + 1) * config.bin_ms for i in changes.tolist()}
    updates, begin, bins_scored = [], 0, scored(went.outputs)
    for told, end in zip(went.told, (np.flatnonzero(went.sent) + 1).tolist(), strict=True):
        training = _covering(training, bins_scored, closed, begin, end)
        version = int(versions[end - 1])
        adopted_at = moments.get(version, training.adopted_at)
        training = training._replace(sequence=training.sequence + 1, version=version, adopted_at=adopted_at)
        updates.append(_update(config, training, closed[end - 1], readings, told))
        training = training._replace(tally=Tally.empty(config), first_offset=-1)
        begin = end
    training = _covering(training, bins_scored, closed, begin, len(closed))
    version = int(versions[-1])
    training = training._replace(
        learner=went.learner, slot=went.slot, version=version, adopted_at=moments.get(version, training.adopted_at)
    )
    offsets = np.array([bin_.last_offset for bin_ in closed], np.int64)
    return training, updates, columns(config, taken, offsets, went.outputs)


def _covering(training: Training, bins_scored: Scored, closed: list[Bin], begin: int, end: int) -> Training:
    """With bins ``begin`` to ``end`` behind the next update."""
    if begin == end:
        return training
    first = closed[begin].first_offset if training.first_offset < 0 else training.first_offset
    return training._replace(tally=training.tally.add(bins_scored, begin, end), first_offset=first)


def _update(
    config: Config,
    training: Training,
    closed: Bin,
    readings: Readings,
    told: NDArray[np.float32],
) -> LocalUpdate:
    return LocalUpdate(
        update_id=f"{readings.device_id}/{training.sequence}",
        device_id=readings.device_id,
        sequence=training.sequence,
        event_time=(closed.number + 1) * config.bin_ms,
        base_version=training.version,
        adopted_at=training.adopted_at,
        architecture=architecture(config),
        weights=weights.flat_to_bytes(config, told),
        example_count=training.tally.labels,
        reading_partition=readings.partition,
        first_offset=training.first_offset,
        last_offset=closed.last_offset,
        errors=training.tally.errors(config),
        dataset=readings.dataset,
        resets=training.tally.resets,
        closed_at=closed.closed_at,
    )

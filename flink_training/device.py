"""What happens to one device when readings of its arrive: a pure step, the same in Flink, replay and tests.

However the readings are cut into batches, state and events are the same to the bit.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flink_training.tally import Tally, evaluations, scored
from forecaster import adoption, binning, course, weights
from forecaster.binning import Closed, Columns, Refused
from forecaster.bins import OpenBin
from forecaster.config import Config
from forecaster.course import Bins
from forecaster.forecast_table import Forecasts, columns
from forecaster.knowledge import architecture, initial
from forecaster.trials import NONE, Panel
from forecaster.vectors import Vectors
from schemas.events import GlobalModel, LocalUpdate


class FleetModel(NamedTuple):
    """A global model as a device sees it.

    Attributes:
        window_end: ms.
        numbers: what it knows (``course.numbers``).
        panel: the versions that a device stands on and judges which follows this one; ``None``: stands on itself.
    """

    window_end: int
    numbers: NDArray[np.float32]
    panel: Panel | None = None

    @classmethod
    def of(cls, config: Config, event: GlobalModel) -> "FleetModel":
        """That of an event.

        Raises:
            WeightsError: its weights are not those of a model of this configuration.
        """
        panel = Panel(event.stands_on, max(event.candidates, default=NONE), event.fallback)
        return cls(event.window_end, course.numbers(weights.from_bytes(config, event.weights)), panel)


class Training(NamedTuple):
    """The part of a device's state that changes once a bin.

    Attributes:
        learner: the learning core's state, all its numbers (``course.learner``).
        tally: prequential errors and labels since the last update.
        version: the global model last adopted, 0 for the common start.
        followed: the one whose word that was, and which says so from now on.
        adopted_at: end of the bin at which it was, ms.
        sequence: of the last update emitted.
        slot: update interval of the last update, counted since 1970.
        first_offset: of the first reading not yet behind an update, -1 until its bin has closed.
    """

    learner: Vectors
    tally: Tally
    version: int
    followed: int
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
    refused: Refused


def step(
    config: Config, device: Device, readings: Readings, models: Mapping[int, FleetModel]
) -> tuple[Device, Outcome]:
    """Take readings; emit what the bins bring that they close.

    Args:
        config: of the learning core.
        device: the state before.
        readings: the device's next readings on the log.
        models: the global models known so far, by version, and with them those that they have a device stand on.
    """
    opened, closed, refused = binning.fold(device.open_bin, readings.columns, config.bin_ms)
    outcome, training = Outcome([], [], refused), device.training
    window_ends = {version: model.window_end for version, model in models.items()}
    ends = (closed.numbers + 1) * config.bin_ms
    followed = adoption.due(config, window_ends, training.followed if training else 0, ends)
    begin = 0
    while begin < len(followed):
        if training is None:
            training = _beginning(config, int(closed.numbers[0]), int(followed[0]), models)
        end = begin + course.room(config, training.followed, closed.numbers[begin:], followed[begin:])
        part = closed.part(begin, end)
        training, updates, made = _learned(config, training, part, followed[begin:end], readings, models)
        outcome.updates.extend(updates)
        outcome.forecasts.append(made)
        begin = end
    return Device(opened, training), outcome


def _panel(version: int, models: Mapping[int, FleetModel], standing: int) -> Panel:
    """What a device stands on and judges that follows ``version``; where that is unknown, it goes on ``standing``."""
    model = models.get(version)
    panel = Panel(standing) if model is None else model.panel or Panel(version)
    return panel if panel.champion in models or not panel.champion else Panel(standing)


def _numbers(config: Config, version: int, models: Mapping[int, FleetModel]) -> NDArray[np.float32] | None:
    model = models.get(version)
    return model.numbers if model else None if version else course.numbers(initial(config))


def _beginning(config: Config, first: int, followed: int, models: Mapping[int, FleetModel]) -> Training:
    """A device without history takes what is due as it is, before bin number ``first``."""
    version = _panel(followed, models, 0).champion
    fleet = models[version].numbers if version else None
    adopted_at = (first + 1) * config.bin_ms if version else None
    slot = first // config.update_bins
    return Training(course.begin(config, fleet), Tally.empty(config), version, followed, adopted_at, 0, slot, -1)


def _learned(
    config: Config,
    training: Training,
    closed: Closed,
    followed: NDArray[np.int64],
    readings: Readings,
    models: Mapping[int, FleetModel],
) -> tuple[Training, list[LocalUpdate], Forecasts]:
    """Adopt, score, learn and forecast, bin after bin."""
    begins = np.flatnonzero(np.diff(followed, prepend=training.followed))
    # What is followed already may be forgotten by now; what the device stands on, it knows itself.
    panels = [_panel(training.followed, models, training.version)._replace(champion=training.version)]
    for version in followed[begins].tolist():
        panels.append(_panel(version, models, panels[-1].champion))
    stretch = np.searchsorted(begins, np.arange(len(followed)), side="right")
    champions = np.array([panel.champion for panel in panels], np.int64)
    versions, adopts = champions[stretch], np.diff(champions) != 0
    taken = Bins(closed.numbers, closed.summaries.astype(np.float32), versions, begins, adopts)
    went = course.run(
        *(config, training.learner, training.slot, training.tally.labels, taken),
        [[_numbers(config, version, models) for version in panel] for panel in panels],
    )
    ends = (closed.numbers + 1) * config.bin_ms
    adopted_at = [training.adopted_at]
    for begin, adopted in zip(begins.tolist(), adopts.tolist(), strict=True):
        adopted_at.append(int(ends[begin]) if adopted else adopted_at[-1])
    sent = np.flatnonzero(went.sent)
    tallies, left = training.tally.split(scored(went.outputs), sent + 1, begins)
    # Of the first reading behind each update, and behind what is left, of which there may be nothing yet.
    offsets = np.append(closed.first_offsets, -1)[np.append(0, sent + 1)].tolist()
    if training.first_offset >= 0:
        offsets[0] = training.first_offset
    sequences = range(training.sequence + 1, training.sequence + 1 + len(sent))
    figures = tallies.labels.tolist(), tallies.resets.tolist(), tallies.errors(config)
    updates = [
        LocalUpdate(
            update_id=f"{readings.device_id}/{sequence}",
            device_id=readings.device_id,
            sequence=sequence,
            event_time=int(ends[i]),
            base_version=int(versions[i]),
            adopted_at=adopted_at[stretch[i]],
            architecture=architecture(config),
            weights=weights.flat_to_bytes(config, told),
            example_count=labels,
            reading_partition=readings.partition,
            first_offset=first_offset,
            last_offset=int(closed.last_offsets[i]),
            errors=errors,
            dataset=readings.dataset,
            resets=resets,
            closed_at=int(closed.closed_at[i]),
            evaluations=evaluations(config, judged, panels[stretch[i]]),
        )
        for sequence, i, first_offset, told, labels, resets, errors, judged in zip(
            sequences, sent.tolist(), offsets[:-1], went.told, *figures, tallies.judged, strict=True
        )
    ]
    version = int(versions[-1])
    training = Training(
        went.learner,
        left,
        version,
        int(followed[-1]),
        adopted_at[-1],
        training.sequence + len(updates),
        went.slot,
        offsets[-1],
    )
    return training, updates, columns(config, closed.numbers, versions, closed.last_offsets, went.outputs)

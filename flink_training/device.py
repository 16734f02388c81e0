"""What happens to one device when a reading of its arrives: a pure step, the same in Flink, replay and tests."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import jax
import numpy as np

from flink_training.tally import Tally
from forecaster import adoption, bins, online, weights
from forecaster.bins import Bin, OpenBin
from forecaster.config import Config
from forecaster.knowledge import Knowledge, architecture
from forecaster.online import Learner, Outputs
from schemas.events import LocalUpdate, Prediction, Reading
from schemas.forecasts import measurements, prediction_id, score


class FleetModel(NamedTuple):
    """A global model as a device sees it: the end of its window (ms) and what it knows."""

    window_end: int
    knowledge: Knowledge


class Training(NamedTuple):
    """The part of a device's state that changes once a bin.

    Attributes:
        learner: the learning core's state.
        tally: prequential errors and labels since the last update.
        version: the global model last adopted, 0 for the common start.
        adopted_at: end of the bin at which it was, ms.
        sequence: of the last update emitted.
        slot: update interval of the last bin, counted since 1970.
        first_offset: of the first reading not yet behind an update, -1 until its bin has closed.
    """

    learner: Learner
    tally: Tally
    version: int
    adopted_at: int | None
    sequence: int
    slot: int
    first_offset: int


class Device(NamedTuple):
    """The state of one device: ``open_bin`` changes with every reading, ``training`` with every bin that closes."""

    open_bin: OpenBin | None = None
    training: Training | None = None


def step(
    config: Config, device: Device, reading: Reading, partition: int, offset: int, models: Mapping[int, FleetModel]
) -> tuple[Device, list[LocalUpdate | Prediction]]:
    """Take one reading; emit what the bin it closed brings, if it closed one.

    Args:
        config: of the learning core.
        device: the state before.
        reading: the device's next reading on the log.
        partition: of ``iot_stream``.
        offset: of the reading.
        models: the global models known so far, by version.

    Raises:
        LateReadingError, ClockJumpError: the reading cannot be placed in time; the state stands.
    """
    opened, closed = fill(config, device.open_bin, reading, offset)
    if closed is None:
        return device._replace(open_bin=opened), []
    training, events = learn(config, device.training, closed, reading, partition, models)
    return Device(opened, training), events


def fill(config: Config, current: OpenBin | None, reading: Reading, offset: int) -> tuple[OpenBin, Bin | None]:
    """Put a reading into its bin; the second is the bin that it closed, if any. Errors as in ``step``."""
    values = (reading.temperature, reading.humidity, reading.light, reading.voltage)
    return bins.add(current, values, reading.event_time, offset, config.bin_ms)


def learn(
    config: Config,
    training: Training | None,
    closed: Bin,
    reading: Reading,
    partition: int,
    models: Mapping[int, FleetModel],
) -> tuple[Training, list[LocalUpdate | Prediction]]:
    """Take one closed bin: adopt what is due, score and learn, forecast, and update where an interval has passed.

    ``reading`` lends the events its device and data set; the rest is as in ``step``.
    """
    end = (closed.number + 1) * config.bin_ms
    training = _adopted(config, training, closed, end, models)
    number, version = np.int32(closed.number), np.int32(training.version)
    values = np.asarray(closed.values, np.float32)
    learner, outputs = jax.device_get(online.update(config, training.learner, number, values, version))
    first_offset = closed.first_offset if training.first_offset < 0 else training.first_offset
    training = training._replace(learner=learner, tally=training.tally.add(outputs), first_offset=first_offset)
    events: list[LocalUpdate | Prediction] = []
    events += _predictions(config, training, closed, outputs, reading, partition)
    slot = (closed.number + 1) // config.update_bins
    if slot > training.slot and training.tally.labels:
        training = training._replace(sequence=training.sequence + 1)
        events.append(_update(config, training, closed, reading, partition))
        training = training._replace(tally=Tally.empty(config), slot=slot, first_offset=-1)
    return training, events


def _adopted(
    config: Config, training: Training | None, closed: Bin, end: int, models: Mapping[int, FleetModel]
) -> Training:
    """Take up the newest global model that is due; a device without history takes it as it is."""
    adopted = 0 if training is None else training.version
    version = adoption.due(config, {v: model.window_end for v, model in models.items()}, adopted, end)
    fleet = None if version is None else models[version].knowledge
    if training is None:
        slot = closed.number // config.update_bins
        training = Training(online.init(config, fleet), Tally.empty(config), 0, None, 0, slot, -1)
    elif fleet is not None:
        training = training._replace(learner=adoption.adopt(config, training.learner, fleet))
    return training if version is None else training._replace(version=version, adopted_at=end)


def _predictions(
    config: Config, training: Training, closed: Bin, outputs: Outputs, reading: Reading, partition: int
) -> Iterator[Prediction]:
    """The forecasts this bin is the target of, scored; then the forecasts made at it."""
    actual = measurements(outputs.level)
    for scored in (True, False):
        for h, (bins_ahead, horizon_ms) in enumerate(zip(config.horizons, config.horizons_ms, strict=True)):
            target = closed.number + 1 + (0 if scored else bins_ahead)
            made_at = (target - bins_ahead) * config.bin_ms
            forecast = measurements((outputs.scored if scored else outputs.forecasts.combined)[h])
            if not any(value is not None for value in forecast):
                continue
            made = Prediction(
                prediction_id=prediction_id("local", reading.device_id, horizon_ms, made_at),
                source="local",
                device_id=reading.device_id,
                model_version=int(outputs.scored_version[h]) if scored else training.version,
                made_at=made_at,
                target_at=target * config.bin_ms,
                horizon_ms=horizon_ms,
                forecast=forecast,
                persistence=measurements(outputs.scored_level[h] if scored else outputs.level),
                actual=None,
                error=None,
                anomaly_score=None,
                anomaly=None,
                reading_partition=partition,
                reading_offset=closed.last_offset,
                dataset=reading.dataset,
            )
            if not scored:
                yield made
            elif any(value is not None for value in actual):
                score_of = float(outputs.anomaly_score[h])
                yield score(made, actual, score_of, config.anomaly_threshold, closed.last_offset)


def _update(config: Config, training: Training, closed: Bin, reading: Reading, partition: int) -> LocalUpdate:
    return LocalUpdate(
        update_id=f"{reading.device_id}/{training.sequence}",
        device_id=reading.device_id,
        sequence=training.sequence,
        event_time=(closed.number + 1) * config.bin_ms,
        base_version=training.version,
        adopted_at=training.adopted_at,
        architecture=architecture(config),
        weights=weights.to_bytes(online.known(training.learner)),
        example_count=training.tally.labels,
        reading_partition=partition,
        first_offset=training.first_offset,
        last_offset=closed.last_offset,
        errors=training.tally.errors(config),
        dataset=reading.dataset,
    )

"""The same forecasts from the real thing: producer, Kafka, Flink and the aggregator in step, on their own servers."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.quality.grids import Devices
from benchmarks.quality.predictors import Forecasts
from forecaster.config import Config
from infra import contracts
from infra.retraining.pace import first_due
from infra.settings import Settings
from infra.standalone import isolated, serving
from schemas.codec import Codec
from schemas.events import Prediction
from schemas.topics import TOPICS

SILENCE_S = 120
"""How long nothing may come on ``predictions`` before something must be wrong."""


class StalledError(RuntimeError):
    """The job has stopped before it has forecast everything."""


def forecasts(config: Config, data: Path, devices: Devices) -> dict[str, Forecasts]:
    """What the job says of a raw file: ``federated_network``, ``linear`` and ``combined``, laid out as the core's.

    Raises:
        StalledError: see ``SILENCE_S``.
    """
    home = Path(tempfile.mkdtemp(prefix="fedlog-engine-"))
    settings = isolated(home, data=str(data.resolve()), speed="max", laps=1)
    settings.in_step = first_due(config, settings.window_minutes * 60_000, devices.grid.first)
    try:
        with serving(settings, "kafka", "registry"):
            contracts.establish(settings)
            with serving(settings, "producer") as running:
                running["producer"].wait()
            with serving(settings, "flink-jobmanager", "flink-taskmanager", "aggregator", "flink-training"):
                return _collected(config, devices, settings)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _collected(config: Config, devices: Devices, settings: Settings) -> dict[str, Forecasts]:
    grid = devices.grid
    shape = (*grid.present.shape, *config.outputs)
    made = {name: np.full(shape, np.nan, np.float32) for name in ("combined", "federated_network")}
    column = {name: d for d, name in enumerate(devices.names)}
    row = {horizon_ms: h for h, horizon_ms in enumerate(config.horizons_ms)}
    wanted = int(np.isfinite(grid.values).any(axis=2).sum()) * len(row)
    shown = click.get_text_stream("stderr")
    with click.progressbar(length=wanted, label="through Kafka and Flink", file=shown) as bar:
        for event in _made(settings):
            at = event.made_at // config.bin_ms - 1 - grid.first, column[event.device_id], row[event.horizon_ms]
            if np.isnan(made["combined"][at]).all():
                bar.update(1)
                wanted -= 1
            for name, values in (("combined", event.forecast), ("federated_network", event.network)):
                assert values is not None
                made[name][at] = [np.nan if value is None else value for value in values]
            if not wanted:
                break
    linear = 2 * made["combined"] - made["federated_network"]
    return {"linear": linear, "federated_network": made["federated_network"], "combined": made["combined"]}


def _made(settings: Settings) -> Iterator[Prediction]:
    """Local forecasts as they are made, for ever."""
    codec = Codec(settings.registry)
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "quality", "enable.auto.commit": False})
    consumer.assign([TopicPartition("predictions", p, 0) for p in range(TOPICS["predictions"].partitions)])
    heard = time.monotonic()
    try:
        while True:
            for message in consumer.consume(500, timeout=1.0):
                if message.error():
                    raise KafkaException(message.error())
                heard = time.monotonic()
                event = codec.decode("predictions", message.value())
                if event.actual is None:
                    yield event
            if time.monotonic() - heard > SILENCE_S:
                raise StalledError(f"no prediction for {SILENCE_S} s; see the logs in {settings.home}")
    finally:
        consumer.close()

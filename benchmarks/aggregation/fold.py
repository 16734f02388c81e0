"""A window of many devices through the aggregator's own fold: from records on the log to the model's event."""

import io
import time
from collections.abc import Iterator
from typing import NamedTuple

import fastavro

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Located, Mark, Rules
from aggregator_stream.fold.windows import step
from benchmarks.aggregation import fleet, ours
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.strategies import fedavg
from forecaster.weights import flat_to_bytes
from schemas.codec import plain
from schemas.events import HorizonError, LocalUpdate
from schemas.topics import TOPICS

WINDOW_MS = 1_800_000


class Cost(NamedTuple):
    """Of one window.

    Attributes:
        taking_s: to take all updates.
        closing_s: to decide them and make the model.
        event_bytes: of the model's event.
        held_mib: what the process has grown by with all updates pending.
    """

    taking_s: float
    closing_s: float
    event_bytes: int
    held_mib: float


def run(devices: int) -> Cost:
    """One window in one partition."""
    config = Config()
    rules = Rules(config, fedavg(), partitions=1)
    state, before = beginning(rules), ours.forget_peak()
    records = list(_records(config, devices))
    begin = time.perf_counter()
    for record in records:
        state, _ = step(rules, state, record)
    taken = time.perf_counter()
    held = ours.peak() - before
    closing = time.perf_counter()
    state, [model] = step(rules, state, Mark(0, devices, 2 * WINDOW_MS))
    closed = time.perf_counter()
    value = io.BytesIO()
    fastavro.schemaless_writer(value, fastavro.parse_schema(TOPICS["global_models"].schema), plain(model))
    return Cost(taken - begin, closed - closing, len(value.getvalue()), held)


def _records(config: Config, devices: int) -> Iterator[Located]:
    start = fleet.parent(config)
    errors = (HorizonError("temperature", WINDOW_MS, 6, 0.2, 0.4),)
    for device in range(devices):
        name, data = f"mote-{device:05}", flat_to_bytes(config, fleet.weights(start, device))
        yield Located(
            LocalUpdate(
                *(f"{name}/1", name, 1, WINDOW_MS, 0, None, architecture(config), data, fleet.examples(device)),
                *(0, 0, 0, errors, "synthetic"),
            ),
            0,
            device,
            WINDOW_MS - 1,
        )

"""The batch evaluator on a real Spark: beside the stream and the core on rough readings, and in ranges of offsets."""

from pathlib import Path
from typing import Any

import pytest

from forecaster import weights
from infra.settings import Settings
from schemas.events import Prediction, Reading
from tests.integration.conftest import Log
from tests.integration.evaluators import Bench, forms, model, readings
from tests.integration.fleet import Fleet
from tests.unit.spark_analytics.rough import ULPS, alike, core, rough
from tests.unit.spark_analytics.series import MODELS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

KNOWN = MODELS[2]
MODEL = model(1, weights=weights.to_bytes(KNOWN))
OF_BATCH = ("prediction_id", "source", "stale")
"""What a batch's event says otherwise than the stream's: whether a model was old, it does not ask."""
Placed = dict[str, list[tuple[int, int, Reading]]]
"""By device, readings with their partition and offset, in order."""


@pytest.fixture
def bench(log: Log, tmp_path: Path) -> Bench:
    (tmp_path / "spark").mkdir()
    return Bench(log, tmp_path / "spark")


def placed(bench: Bench, servers: Settings) -> Placed:
    found: Placed = {}
    fleet = Fleet(bench.log, servers)
    for place, key, value in fleet.read("iot_stream"):
        reading: Any = bench.codec.decode("iot_stream", value, key)
        found.setdefault(reading.device_id, []).append((place.partition, place.offset, reading))
    fleet.close()
    return found


def expected(of: Placed) -> dict[tuple[str, bool], Prediction]:
    """What the core says of each device by itself, as the stream names it."""
    return forms(e for own in of.values() for e in core(KNOWN, 1, "stream", own))


def test_of_rough_readings_stream_batch_and_core_say_the_same(bench: Bench, log_servers: Settings):
    fleet = [rough("mote-01", 1, 108), rough("mote-02", 2, 30, (2, 3)), rough("mote-03", 3, 30)]
    bench.send(MODEL, *(r for own in fleet for r in own))
    wanted = expected(placed(bench, log_servers))
    with bench.streaming("--stale-after-minutes", "0", "--readings-a-batch", "500"):
        streamed = forms(bench.wait(lambda made: len(made) >= len(wanted)))
    done = bench.batch()
    assert done.returncode == 0, done.stderr[-3000:]

    assert streamed.keys() == wanted.keys()
    assert {event.fault for event in wanted.values()} == {None, "temperature stuck"}
    assert max(e.actual.light for e in wanted.values() if e.actual and e.actual.light is not None) > 1000
    for form, event in wanted.items():
        alike(streamed[form], event, ulps=ULPS)
    batch = [event for event in bench.events("predictions") if event.source == "batch"]
    assert len({event.prediction_id for event in batch}) == len(batch) == len({name for name, _ in wanted})
    for event in batch:
        name, scored = event.prediction_id.replace("batch/", "stream/").removesuffix("/v1"), event.actual is not None
        assert scored == ((name, True) in wanted)
        for other, ulps in ((wanted, ULPS), (streamed, 0)):
            alike(event, other[name, scored], OF_BATCH, ulps)
    assert "With version 1 stream and batch agree" in done.stdout


def test_a_range_of_offsets_has_the_forecasts_of_its_readings(bench: Bench, log_servers: Settings):
    bench.send(MODEL, *readings(["mote-01", "mote-02", "mote-03"], (0, 4)))
    every = placed(bench, log_servers)
    # Of some partition both, of another an end only: what is not said of one is its beginning, or its end now.
    first = every["mote-01"][0][0]
    other = next((own[0][0] for own in every.values() if own[0][0] != first), None)
    assert other is not None, "all devices lie in one partition"
    starts, ends = {first: every["mote-01"][40][1]}, {first: every["mote-01"][90][1], other: 70}
    said = [",".join(f"{p}:{offset}" for p, offset in own.items()) for own in (starts, ends)]
    done = bench.batch("--starts", said[0], "--ends", said[1])
    assert done.returncode == 0, done.stderr[-3000:]

    until = {name: [r for r in own if r[1] < ends.get(r[0], r[1] + 1)] for name, own in every.items()}
    assert all(until[name] != own for name, own in every.items() if own[0][0] in ends)
    wanted = expected(until)
    made = {e.prediction_id for (_, scored), e in wanted.items() if not scored
            and e.reading_offset >= starts.get(e.reading_partition, 0)}  # fmt: skip
    events = bench.events("predictions")
    found = {event.prediction_id.replace("batch/", "stream/").removesuffix("/v1"): event for event in events}
    assert found.keys() == made
    assert len(found) == len(events) > 100
    assert made < {name for name, _ in wanted}
    for name, event in found.items():
        alike(event, wanted[name, (name, True) in wanted], OF_BATCH, ULPS)
    assert "STARTS and ENDS" in done.stdout

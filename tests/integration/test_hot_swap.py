"""Twenty versions while a thousand readings a second flow: each is taken up, none is mixed up, nothing is lost."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.integration.conftest import Log
from tests.integration.evaluators import CONFIG, Arrivals, Bench, Feed, Forecasts, forms, model, readings

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(900)]

DEVICES = tuple(f"mote-{number:02}" for number in range(1, 51))
A_SECOND = 1000
VERSIONS = 20
EVERY_S = 2.15
"""No multiple of the trigger: versions come at every moment between two micro-batches."""
WARM_S = 15
"""In which the JVM compiles what is used most."""


def test_every_version_is_taken_up_and_every_forecast_is_of_the_one_it_names(log: Log, tmp_path: Path, capsys):
    (tmp_path / "spark").mkdir()
    bench = Bench(log, tmp_path / "spark")
    # Half a minute of event time between two readings of a device: some ten in a bin.
    given = readings(DEVICES, (0, 30), every_minutes=0.5)[: int((VERSIONS * EVERY_S + WARM_S + 5) * A_SECOND)]
    feed, arrivals = Feed(bench, given, A_SECOND), Arrivals(bench)
    published = {}
    with bench.streaming():
        bench.send(*readings(["warm-up"], (0, 1)))
        bench.wait(lambda made: len(made) > 0)
        feed.start()
        arrivals.start()
        time.sleep(WARM_S)
        for version in range(1, VERSIONS + 1):
            bench.send(model(version))
            published[version] = time.monotonic()
            time.sleep(EVERY_S)
        feed.join()
        core = Forecasts(given)
        wanted = len(core.seen) * len(CONFIG.horizons)
        newest = {device: max(at for name, at in core.seen if name == device) for device in DEVICES}
        done = {(device, newest[device]) for device in DEVICES}
        made = bench.wait(lambda made: done <= {(e.device_id, e.made_at) for e in made})
        arrivals.ended.set()

    made = [event for event in made if event.device_id != "warm-up"]
    found = forms(made)
    assert len(found) == len(made), "something came twice"
    unscored = [event for (_, scored), event in found.items() if not scored]
    assert {(e.device_id, e.made_at, e.horizon_ms) for e in unscored} == {
        (*place, horizon_ms) for place in core.seen for horizon_ms in CONFIG.horizons_ms
    }
    assert len(unscored) == wanted
    scored = {prediction_id for prediction_id, is_scored in found if is_scored}
    assert scored == {e.prediction_id for e in unscored if (e.device_id, e.target_at) in core.seen}
    used = {event.model_version for event in unscored}
    # One that is followed by the next within a micro-batch is not used; the last is.
    assert {0, VERSIONS} <= used <= set(range(VERSIONS + 1))
    assert len(used) > VERSIONS // 2
    for event in unscored:
        values = core(event.model_version, event.device_id, event.made_at, event.horizon_ms)
        np.testing.assert_allclose(event.forecast, values, atol=1e-5, rtol=1e-6)  # of float32, in lux
    for device in DEVICES:
        versions = [e.model_version for e in sorted(unscored, key=lambda e: e.made_at) if e.device_id == device]
        assert versions == sorted(versions), f"{device} went back"
    assert all(arrivals.first[version] > published[version] for version in used - {0}), "used before there"
    gaps = [min(arrivals.first[later] for later in used if later >= version) - at for version, at in published.items()]
    with capsys.disabled():
        p50, p99 = np.quantile(gaps, [0.5, 0.99])
        print(f"\nfrom a model's record to the first forecast with it: p50 {p50:.2f} s, p99 {p99:.2f} s (trigger 1 s)")
        print(
            f"{len(used) - 1} of {VERSIONS} versions used, {len(given):,} readings, {len(found):,} events, none twice"
        )

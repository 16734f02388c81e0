"""The evaluators on a real Spark, Kafka and registry."""

import re
import signal
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.integration.conftest import Log
from tests.integration.evaluators import (
    CONFIG,
    START,
    Bench,
    Forecasts,
    assert_forecast,
    ended,
    forms,
    kill,
    model,
    readings,
)
from tests.integration.watches import Batches

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(900)]

DEVICES = ("mote-01", "mote-02", "mote-03")


@pytest.fixture
def bench(log: Log, tmp_path: Path) -> Bench:
    (tmp_path / "spark").mkdir()
    return Bench(log, tmp_path / "spark")


def assert_forked(pid: int) -> None:
    """Its Python workers come from a process that has imported what they work with."""
    commands = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            commands.append(" ".join(child.cmdline()))
    workers = [command for command in commands if "pyspark.worker" in command]
    assert workers, commands
    assert all("spark_analytics.workers" in command for command in workers)


def test_the_evaluator_swaps_models_and_survives_a_kill(bench: Bench):
    hours = [readings(DEVICES, (0, 2)), readings(DEVICES, (2, 4)), readings(DEVICES, (4, 6))]
    broken = model(3, weights=b"no weights")
    other = model(4, architecture="another")
    bench.send(*hours[0], b"not an event")
    with bench.streaming() as process:
        bench.wait(lambda made: len(made) > 100)
        assert_forked(process.pid)
        bench.send(model(1), model(2), *hours[1])
        bench.wait(lambda made: any(e.model_version == 2 for e in made))
        kill(process)
    bench.send(broken, other, model(5, champion=3), model(6, champion=1), *hours[2])
    last_bin = START + (6 * 60 - 5) * 60_000
    with bench.streaming() as process:
        made = bench.wait(lambda made: sum(e.made_at == last_bin and e.actual is None for e in made) >= 9)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    found, core = forms(made), Forecasts([r for some in hours for r in some])
    unscored = [e for (_, scored), e in found.items() if not scored]
    # The last bin of a device stays open.
    assert len(unscored) == len(DEVICES) * (6 * 12 - 1) * len(CONFIG.horizons)
    for event in unscored:
        assert_forecast(event, core)
    assert all(event.forecast == event.persistence for event in unscored if not event.model_version)
    for (prediction_id, scored), event in found.items():
        if scored:
            first = found[prediction_id, False]
            assert (event.forecast, event.model_version, event.stale) == (
                *(first.forecast, first.model_version, first.stale),
            )
    for device in DEVICES:
        versions = [e.model_version for e in sorted(unscored, key=lambda e: e.made_at) if e.device_id == device]
        # Version 6 says that everybody goes back to 1; what 3 and 5 say cannot be followed.
        assert re.fullmatch("0+2+1+", "".join(map(str, versions)))
    letters = {letter.letter_id: letter for letter in bench.events("dead_letters")}
    assert sorted(letter.error_class for letter in letters.values()) == [
        *("NotAvroError", "UnknownVersionError", "WeightsError", "WeightsError"),
    ]
    assert {letter.stage for letter in letters.values()} == {"spark_analytics"}


def test_a_model_that_has_grown_old_is_flagged_and_batch_says_what_the_stream_said(bench: Bench):
    bench.send(model(1), *readings(DEVICES, (0, 3)))
    with bench.streaming("--stale-after-minutes", "60"):
        last_bin = START + (3 * 60 - 5) * 60_000
        made = bench.wait(lambda made: sum(e.made_at == last_bin and e.actual is None for e in made) >= 9)
        shown = bench.metrics()
    old_from = START + 90 * 60_000  # the window of version 1 ends half an hour after the start
    assert {e.stale for e in made if e.made_at <= old_from} == {False}
    assert {e.stale for e in made if e.made_at > old_from} == {True}
    assert float(shown["fedlog_evaluator_model_version"]) == 1
    assert float(shown["fedlog_evaluator_model_age_seconds"]) == (last_bin - START) / 1000 - 1800
    assert float(shown["fedlog_evaluator_model_stale"]) == 1

    done = bench.batch()
    assert done.returncode == 0, done.stderr[-3000:]
    both = forms(bench.events("predictions"))
    for (prediction_id, _), event in list(both.items()):
        if event.source == "stream":
            other = both[f"{prediction_id.replace('stream', 'batch')}/v1", event.target_at <= last_bin]
            np.testing.assert_allclose(event.forecast, other.forecast, atol=1e-5, rtol=0)
    assert "With version 1 stream and batch agree" in done.stdout


def test_models_are_followed_while_no_readings_come(bench: Bench):
    bench.send(model(1), *readings(DEVICES, (0, 2)))
    with bench.streaming():
        bench.until(bench.read)
        last = bench.newest("commits")
        age = float(bench.metrics()["fedlog_evaluator_model_age_seconds"])
        bench.send(model(2, weights=b"no weights"), model(3, champion=1))
        bench.until(lambda: bench.metrics()["fedlog_evaluator_followed_version"] == "3.0")
        shown = bench.metrics()
        assert [letter.error_class for letter in bench.events("dead_letters")] == ["WeightsError"]
        assert shown['fedlog_evaluator_events_total{topic="dead_letters"}'] == "1.0"
        assert shown["fedlog_evaluator_model_version"] == "1.0"
        # Two windows of half an hour later.
        assert float(shown["fedlog_evaluator_model_age_seconds"]) == age - 3600
        assert bench.newest("offsets") == last, "a micro-batch has begun, and followed them itself"
        bench.send(b"not an event")
        bench.until(bench.read)
        assert sorted(letter.error_class for letter in bench.events("dead_letters")) == ["NotAvroError", "WeightsError"]


def test_told_to_stop_in_the_middle_of_much_it_ends_the_micro_batch_and_sends_nothing_twice(bench: Bench):
    given, most = readings(DEVICES, (0, 20)), 150
    bench.send(model(1), *given)
    batches = Batches(bench)
    batches.start()
    with bench.streaming("--readings-a-batch", str(most)) as process:
        bench.until(lambda: max(batches.pins, default=-1) > bench.newest("commits") >= 1)
        under_way = max(batches.pins)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        bench.until(lambda: ended(process))
    assert bench.newest("commits") >= under_way, "the micro-batch under way was not finished"
    assert not bench.read(), "there was nothing left to do"
    with bench.streaming("--readings-a-batch", str(most)):
        bench.until(bench.read)
    batches.end()
    made, core = bench.events("predictions"), Forecasts(given)
    assert len(forms(made)) == len(made), "something was sent twice"
    assert {(e.device_id, e.made_at) for e in made} == core.seen.keys()

    behind = [sum(batch.ends.values()) for _, batch in sorted(batches.found.items())]
    assert sorted(batches.found) == list(range(len(behind)))
    assert max(after - before for before, after in pairwise([0, *behind])) <= most
    assert behind[-1] == len(given)


def test_batch_scores_the_whole_topic_or_a_range_with_one_version(bench: Bench):
    given = readings(DEVICES, (0, 4))
    bench.send(model(1), model(2), *given, b"not an event")
    # One that sends nothing readable, and one whose first bin has not closed.
    bench.send(b"nor this", *readings(["mote-98"], (0, 0.04)), key=b"mote-99")
    done = bench.batch()
    assert done.returncode == 0, done.stderr[-3000:]
    events, core = bench.events("predictions"), Forecasts(given)
    assert {(e.device_id, e.made_at) for e in events} == core.seen.keys()
    assert len({e.prediction_id for e in events}) == len(events) == len(core.seen) * len(CONFIG.horizons)
    assert {(e.source, e.model_version) for e in events} == {("batch", 2)}
    for event in events:
        assert_forecast(event, core)
    newest = max(e.made_at for e in events)
    assert all((e.actual is not None) == (e.target_at <= newest) for e in events)
    assert {letter.original for letter in bench.events("dead_letters")} == {b"not an event", b"nor this"}

    since, until = START + 3_600_000, START + 2 * 3_600_000
    moments = [np.datetime64(at, "ms").astype("datetime64[s]").astype(str) for at in (since, until)]
    done = bench.batch("--version", "1", "--since", moments[0], "--until", moments[1])
    assert done.returncode == 0, done.stderr[-3000:]
    some = bench.events("predictions")
    ranged = [e for e in some if e.model_version == 1]
    assert {e.made_at for e in ranged} == {at for _, at in core.seen if since <= at < until}
    assert len(ranged) == len(DEVICES) * 12 * len(CONFIG.horizons)
    for event in ranged:
        assert_forecast(event, core)


def test_batch_without_a_model_is_one_clear_sentence(bench: Bench):
    bench.send(*readings(DEVICES, (0, 1)))
    done = bench.batch()
    assert done.returncode == 1
    assert "no global model" in done.stderr
    assert "Traceback" not in done.stderr

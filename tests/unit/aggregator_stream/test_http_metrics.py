"""Metrics, read as Prometheus reads them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aggregator_stream.catalogue import Placed
from aggregator_stream.http.board import Board
from tests.unit.aggregator_stream.asking import PAIR, START, WINDOW, api, contribution, model, posted


def scraped(asked):
    answer = asked("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_versions_lag_and_age():
    asked = api(model(1), model(2), model(3, contributions=(), promotion="unchanged"))
    asked.board.folded(pending=5, newest=START + 3 * WINDOW + 90_000)
    found = scraped(asked)
    assert found["fedlog_model_version",] == 3
    assert found["fedlog_updates_pending",] == 5
    assert found["fedlog_window_lag_seconds",] == 90
    assert found["fedlog_model_age_seconds", ("clock", "event")] == 90 + WINDOW / 1000
    assert ("fedlog_model_age_seconds", ("clock", "wall")) not in found
    assert found["fedlog_windows_total", ("result", "changed")] == 2
    assert found["fedlog_windows_total", ("result", "empty")] == 1


def test_nothing_is_made_up_before_the_first_update():
    found = scraped(api(model(1)))
    assert ("fedlog_window_lag_seconds",) not in found
    assert ("fedlog_model_age_seconds", ("clock", "event")) not in found


def test_updates_by_outcome_and_class_of_reason():
    rejected = [
        contribution("mote-05", n, "rejected", 0.0, f"base version {n} is unknown: the newest is 3") for n in range(50)
    ]
    found = scraped(api(model(1, contributions=(*PAIR, *rejected)), model(2)))
    counts = {dict(key[1:])["reason"]: value for key, value in found.items() if key[0] == "fedlog_updates_total"}
    assert counts == {"": 4, "base_version": 50}
    # The pair of the second window happened in the first.
    assert found["fedlog_updates_late_total",] == 2


def test_a_closed_window_is_timed_and_ages():
    asked = api()
    for version, seconds in ((4, 0.3), (5, 1.7)):
        asked.board.closed(Placed(model(version), 2, version), seconds)
    found = scraped(asked)
    assert found["fedlog_aggregation_seconds_count",] == 2
    assert found["fedlog_aggregation_seconds_sum",] == pytest.approx(2)
    assert found["fedlog_aggregation_seconds_bucket", ("le", "0.5")] == 1
    assert 0 <= found["fedlog_model_age_seconds", ("clock", "wall")] < 60
    assert found["fedlog_model_version",] == 5


def test_answers_are_counted_by_route_and_not_by_path():
    asked = api()
    for path in ("/global_models/1", "/global_models/2", "/global_models/9", "/global_model", "/a", "/b"):
        asked("GET", path)
    asked("PUT", "/global_model")
    asked.post(json=posted())
    asked.post(json=posted(sequence=0))
    found = scraped(asked)
    counts = {
        (dict(key[1:])["route"], dict(key[1:])["status"]): value
        for key, value in found.items()
        if key[0] == "fedlog_http_requests_total"
    }
    assert counts.pop(("/global_model", "405"), None) or counts.pop(("unknown", "405"))
    assert counts == {
        ("/global_models/{version}", "200"): 2,
        ("/global_models/{version}", "404"): 1,
        ("/global_model", "200"): 1,
        ("unknown", "404"): 2,
        ("/local_updates", "202"): 1,
        ("/local_updates", "422"): 1,
    }


def test_two_boards_know_nothing_of_each_other():
    one, other = api(), api()
    one.board.closed(Placed(model(4), 2, 4), 0.1)
    assert scraped(other)["fedlog_model_version",] == 3
    assert Board().registry is not Board().registry

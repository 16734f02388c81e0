"""Metrics, read as Prometheus reads them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aggregator_stream.catalogue import Placed
from aggregator_stream.http.board import Board
from schemas.events import Decision
from tests.unit.aggregator_stream.asking import PAIR, START, WINDOW, api, contribution, judged, model, posted


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


def test_the_champion_is_the_one_that_the_newest_version_says():
    asked = api(model(1), model(2, champion=2), model(3, promotion="candidate", champion=1))
    assert scraped(asked)["fedlog_champion_version",] == 1
    assert scraped(api(model(1), model(2)))["fedlog_champion_version",] == 2
    assert scraped(api(model(1, champion=0)))["fedlog_champion_version",] == 0


def test_before_the_first_version_there_is_a_champion_and_no_candidate():
    asked = api()
    asked.board.catalogue = type(asked.board.catalogue)()
    found = scraped(asked)
    assert found["fedlog_champion_version",] == 0
    assert ("fedlog_candidate_ratio",) not in found
    assert "fedlog_decisions_total" not in {key[0] for key in found}


@pytest.mark.parametrize(
    ("evaluations", "ratio"),
    [
        ((), None),
        ((judged(1, 3, 1.5),), None),
        ((judged(1, 3, 1.5), judged(4, 3, 0.9)), 0.9),
        ((judged(5, 3, 0.8), judged(4, 3, 0.9), judged(1, 3, 1.5)), 0.8),
    ],
)
def test_the_candidates_ratio_is_the_newest_ones_in_the_newest_version(evaluations, ratio):
    # It is held against the champion of its window, even where it has been promoted since.
    asked = api(model(5, evaluations=(judged(4, 3, 0.5),)), model(6, champion=5, evaluations=evaluations))
    assert scraped(asked).get(("fedlog_candidate_ratio",)) == ratio


def test_decisions_by_state_and_by_who_said_so():
    by_policy = (Decision(1, "promoted", "policy", "better"), Decision(0, "rejected", "policy", "worse"))
    commands = [
        model(n, decisions=(Decision(1, "promoted", f"ops-{n}", "x"), Decision(n, "rolled_back", f"ops-{n}", "x")))
        for n in range(3, 50)
    ]
    found = scraped(api(model(1, decisions=by_policy[:1]), model(2, decisions=by_policy), *commands))
    assert {key[1:]: value for key, value in found.items() if key[0] == "fedlog_decisions_total"} == {
        (("by", "policy"), ("state", "promoted")): 2,
        (("by", "policy"), ("state", "rejected")): 1,
        (("by", "operator"), ("state", "promoted")): 47,
        (("by", "operator"), ("state", "rolled_back")): 47,
    }


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

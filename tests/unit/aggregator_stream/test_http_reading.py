"""Versions and their weights over HTTP."""

import hashlib
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator_stream.catalogue import KEPT, Placed
from aggregator_stream.http.board import LogUnavailableError
from schemas.events import Decision
from tests.unit.aggregator_stream.asking import (
    ERRORS,
    PAIR,
    PAIRED,
    START,
    WINDOW,
    api,
    contribution,
    judged,
    model,
    problem,
    told,
)

MANY = [model(number) for number in range(1, 81)]


def test_the_newest_version_is_shown_with_what_decided_it():
    event = model(
        3,
        strategy="fedadam",
        strategy_parameters={"beta": 0.9},
        rules={"window_ms": float(WINDOW)},
        notes={"epsilon": 1.5},
        fallback=0,
        candidates=(3,),
        champion=2,
        decisions=(Decision(2, "promoted", "policy", "better"),),
        evaluations=(judged(2, 1),),
        contributions=(*PAIR, contribution("mote-03", 1, "rejected", 0.0, "learned from nothing")),
    )
    asked = api(model(1), event, model(2))
    answer = asked("GET", "/global_model")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "version": 3,
        "parent_version": 2,
        "model": "fleet",
        "window": {
            "start": "2004-03-04T01:00:00Z",
            "end": "2004-03-04T01:30:00Z",
            "start_ms": START + 2 * WINDOW,
            "end_ms": START + 3 * WINDOW,
        },
        "strategy": "fedadam",
        "strategy_parameters": {"beta": 0.9},
        "rules": {"window_ms": WINDOW},
        "contributors": 2,
        "example_count": 18,
        "errors": [error._asdict() for error in ERRORS],
        "promotion": "promoted",
        "reason": None,
        "champion": 2,
        "pinned": False,
        "fallback": 0,
        "candidates": [3],
        "decisions": [{"version": 2, "state": "promoted", "by": "policy", "reason": "better"}],
        "evaluations": [{"version": 2, "champion": 1, "devices": 5, "examples": 48, "ratio": 0.75}],
        "notes": {"epsilon": 1.5},
        "architecture": event.architecture,
        "dataset": "test",
        "place": {"topic": "global_models", "partition": 2, "offset": 101},
        "links": {
            "self": "/global_models/3",
            "weights": "/global_models/3/weights",
            "parent": "/global_models/2",
            "champion": "/global_models/2",
        },
    }
    assert asked.fetched == []


def test_the_first_version_has_no_parent_to_link_to():
    assert api(model(1))("GET", "/global_model").json()["links"]["parent"] is None


def test_a_version_that_names_no_other_says_so():
    shown = api(model(1))("GET", "/global_model").json()
    assert (shown["champion"], shown["fallback"], shown["candidates"], shown["evaluations"]) == (1, None, [], [])


def test_a_rollback_is_shown_with_where_everybody_stands():
    event = model(3, promotion="candidate", champion=1, pinned=True)
    shown = api(model(1), model(2), event)("GET", "/global_model").json()
    assert (shown["version"], shown["champion"], shown["pinned"]) == (3, 1, True)
    assert shown["links"]["champion"] == "/global_models/1"


def test_numbers_that_json_lacks_are_null():
    errors = (ERRORS[0]._replace(mae=float("nan"), persistence_mae=float("inf")),)
    paired = (PAIRED[0]._replace(mae=float("inf"), champion_mae=float("nan")),)
    said = (judged(1, 0, float("nan"))._replace(errors=paired),)
    asked = api(model(1, errors=errors, notes={"x": float("nan")}, evaluations=said))
    shown = asked("GET", "/global_models/1").json()
    [error], [evaluation] = shown["errors"], shown["evaluations"]
    assert (error["mae"], error["persistence_mae"]) == (None, None)
    assert evaluation["ratio"] is None
    assert evaluation["errors"] == [PAIRED[0]._asdict() | {"mae": None, "champion_mae": None}]


def test_a_version_is_shown_with_all_its_contributions_from_the_log():
    rejected = contribution("mote-03", 1, "rejected", 0.0, "learned from nothing")
    asked = api(model(1), model(2, contributions=(*PAIR, rejected)), model(3))
    shown = asked("GET", "/global_models/2").json()
    assert asked.fetched == [(2, 101)]
    contributions = shown.pop("contributions")
    assert shown == asked("GET", "/global_models?before=3&limit=1").json()["versions"][0]
    assert contributions == [
        row._asdict() | {"event_time": "2004-03-04T00:05:00Z", "event_time_ms": row.event_time}
        for row in (*PAIR, rejected)
    ]


def test_the_errors_behind_an_evaluation_are_from_the_log():
    said = (judged(0, 1, 1.25), judged(2, 1))
    asked = api(model(1), model(2), model(3, evaluations=said))
    assert asked("GET", "/global_models/3").json()["evaluations"] == [told(evaluation) for evaluation in said]
    assert asked.fetched == [(2, 102)]
    lean = [{name: value for name, value in told(evaluation).items() if name != "errors"} for evaluation in said]
    assert asked("GET", "/global_model").json()["evaluations"] == lean
    assert asked("GET", "/global_models").json()["versions"][0]["evaluations"] == lean
    assert asked.fetched == [(2, 102)]


@pytest.mark.parametrize(
    "path", ["/global_models/4", "/global_models/0", "/global_models/4/weights", f"/global_models/{10**40}"]
)
def test_a_version_that_is_not_there_is_said_to_be_not_there(path):
    found = problem(api()("GET", path), 404)
    assert found["type"] == "urn:fedlog:problem:no-such-version"
    assert "3" in found["detail"]


def test_before_the_first_window_has_closed():
    asked = api(model(1))
    empty = asked.board.catalogue.__class__()
    asked.board.catalogue = empty
    problem(asked("GET", "/global_model"), 404)
    assert asked("GET", "/global_models").json() == {"versions": [], "next": None}


@settings(max_examples=30, deadline=None)
@given(
    st.sets(st.integers(1, 200), min_size=1).map(sorted),
    st.none() | st.integers(0, 210),
    st.none() | st.integers(1, 500),
)
def test_pages_are_those_of_a_list(numbers, before, limit):
    query = {name: value for name, value in {"before": before, "limit": limit}.items() if value is not None}
    answer = api(*map(model, numbers))("GET", "/global_models", params=query).json()
    below = [number for number in reversed(numbers) if before is None or number < before]
    assert [version["version"] for version in answer["versions"]] == below[: limit or 50]
    assert (answer["next"] is not None) == (len(below) > (limit or 50))


def test_following_the_pages_shows_every_version_once():
    asked = api(*MANY)
    path, seen = "/global_models?limit=7", []
    while path:
        answer = asked("GET", path).json()
        seen += [version["version"] for version in answer["versions"]]
        path = answer["next"]
    assert seen == list(range(80, 0, -1))
    assert asked.fetched == []


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query/limit"),
        ("limit=501", "query/limit"),
        ("limit=many", "query/limit"),
        ("before=-1", "query/before"),
        ("before=1.5", "query/before"),
    ],
)
def test_pages_are_bounded(query, where):
    answer = api()("GET", f"/global_models?{query}")
    found = problem(answer, 422)
    assert "many" not in answer.text
    assert [fault["where"] for fault in found["errors"]] == [where]


def test_a_version_must_be_a_number():
    found = problem(api()("GET", "/global_models/newest"), 422)
    assert found["errors"][0]["where"] == "path/version"


@pytest.mark.parametrize("number", [80, 80 - KEPT + 1, 80 - KEPT, 1])
def test_weights_are_those_of_the_event_at_hand_or_from_the_log(number):
    asked = api(*MANY)
    answer = asked("GET", f"/global_models/{number}/weights")
    content = b"weights of %d" % number
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == "application/vnd.safetensors"
    assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asked.fetched == ([] if number > 80 - KEPT else [(2, 99 + number)])


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_weights_that_the_asker_has_are_not_sent_nor_fetched(form):
    asked = api(*MANY)
    etag = asked("HEAD", "/global_models/1/weights").headers["etag"]
    answer = asked("GET", "/global_models/1/weights", headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag
    assert "immutable" in answer.headers["cache-control"]
    assert asked.fetched == []


def test_other_weights_are_sent():
    answer = api()("GET", "/global_models/1/weights", headers={"If-None-Match": '"0", W/"1"'})
    assert answer.status_code == 200


def test_head_says_what_get_would():
    asked = api(*MANY)
    for number in (1, 80):
        head, get = (asked(method, f"/global_models/{number}/weights") for method in ("HEAD", "GET"))
        assert (head.status_code, head.content) == (200, b"")
        assert dict(head.headers) == dict(get.headers)
    assert asked.fetched == [(2, 100)]


def test_a_log_that_does_not_give_a_version_is_asked_again_later():
    def fetch(partition, offset):
        raise LogUnavailableError("no broker at 127.0.0.1:9092")

    asked = api(*MANY, fetch=fetch)
    for path in ("/global_models/80", "/global_models/1/weights"):
        answer = asked("GET", path)
        assert "9092" not in problem(answer, 503)["detail"]
        assert int(answer.headers["retry-after"]) > 0
    assert asked("GET", "/global_models/80/weights").status_code == 200


def test_a_log_that_hangs_is_not_waited_for():
    let_go = threading.Event()
    asked = api(*MANY, fetch=lambda *_: let_go.wait(60), patience_s=0.05)
    begun = time.monotonic()
    try:
        problem(asked("GET", "/global_models/1"), 503)
        assert time.monotonic() - begun < 30
    finally:
        let_go.set()


def test_another_log_under_the_same_places_is_not_shown():
    problem(api(*MANY, fetch=lambda *_: model(9))("GET", "/global_models/1/weights"), 500)


def test_a_window_that_closes_is_shown_at_once():
    asked = api()
    asked.board.closed(Placed(model(4), 2, 900), 0.1)
    assert asked("GET", "/global_model").json()["place"]["offset"] == 900
    assert asked("GET", "/global_models/4/weights").content == b"weights of 4"

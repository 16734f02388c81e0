"""Updates posted over HTTP: what becomes an event, and that nothing else does."""

import asyncio
import base64
import json
import time

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator_stream.fold.membership import refusal
from aggregator_stream.http.board import LogUnavailableError
from aggregator_stream.http.posting import PostedEvaluation, PostedPairedError, PostedUpdate
from forecaster import weights
from forecaster.knowledge import architecture, initial
from schemas.codec import EARLIEST, LATEST
from schemas.events import SENSORS, Evaluation, LocalUpdate, PairedError
from tests.unit.aggregator_stream.asking import (
    ERRORS,
    EVALUATIONS,
    MINUTE,
    START,
    TOKEN,
    api,
    known,
    posted,
    problem,
    told,
)
from tests.unit.aggregator_stream.fleet import RULES, standing
from tests.unit.forecaster.series import TINY


def spoiled(value):
    """Weights with one value that is not one."""
    arrays = jax.tree.map(np.array, initial(TINY))
    arrays.linear[0, 0, 0] = value
    return base64.b64encode(weights.to_bytes(arrays)).decode()


def wider():
    """Weights of another network."""
    return base64.b64encode(weights.to_bytes(initial(TINY._replace(width=6)))).decode()


EVENT = LocalUpdate(
    update_id="greenhouse-3/4",
    device_id="greenhouse-3",
    sequence=4,
    event_time=START + 20 * MINUTE,
    base_version=2,
    adopted_at=START + 15 * MINUTE,
    architecture=architecture(TINY),
    weights=known(),
    example_count=6,
    reading_partition=1,
    first_offset=40,
    last_offset=2**40,
    errors=ERRORS,
    dataset="greenhouses",
    resets=1,
    closed_at=START + 21 * MINUTE,
    evaluations=EVALUATIONS,
)


def judging(**changes):
    """Evaluations as a device posts them, the first of them changed."""
    first, *others = map(told, EVALUATIONS)
    return {"evaluations": [first | changes, *others]}


def paired(**changes):
    """The same with the first error of the first changed."""
    first, *others = told(EVALUATIONS[0])["errors"]
    return judging(errors=[first | changes, *others])


def about(count):
    """Evaluations of as many pairs of versions."""
    pairs = [(version, champion) for version in range(4) for champion in range(4) if version != champion]
    return {"evaluations": [told(Evaluation(*pair, ())) for pair in pairs[:count]]}


def test_a_posted_update_becomes_the_event_it_says():
    asked = api()
    answer = asked.post(json=posted())
    assert answer.status_code == 202
    assert answer.json() == {"update_id": "greenhouse-3/4", "partition": 3, "offset": 41}
    assert asked.submitted == [EVENT]
    [event] = asked.submitted
    assert all(type(a) is type(b) for a, b in zip(event, EVENT, strict=True))
    assert {type(said) for said in event.evaluations} == {Evaluation}
    assert {type(error) for said in event.evaluations for error in said.errors} == {PairedError}


def test_what_may_be_left_out_has_the_events_defaults():
    asked = api()
    optional = ("adopted_at", "reading_partition", "first_offset", "last_offset", "resets", "closed_at", "evaluations")
    answer = asked.post(json=posted(**dict.fromkeys(optional), base_version=0, errors=[]))
    assert answer.status_code == 202
    [event] = asked.submitted
    assert event == EVENT._replace(
        base_version=0,
        adopted_at=None,
        reading_partition=-1,
        first_offset=-1,
        last_offset=-1,
        errors=(),
        resets=0,
        closed_at=None,
        evaluations=(),
    )


def test_eight_evaluations_are_taken_and_one_may_say_nothing():
    asked = api()
    assert asked.post(json=posted(**about(8))).status_code == 202
    assert [len(said.errors) for said in asked.submitted[0].evaluations] == [0] * 8


def test_the_same_update_posted_twice_is_the_same_event_twice():
    asked = api()
    assert [asked.post(json=posted()).status_code for _ in range(2)] == [202, 202]
    assert asked.submitted == [EVENT, EVENT]


def numbered(sequence, device="greenhouse-3"):
    return posted(update_id=f"{device}/{sequence}", sequence=sequence, device_id=device)


def test_an_update_that_a_newer_one_has_overtaken_is_refused_and_not_lost_in_silence():
    asked = api()
    assert [asked.post(json=numbered(n)).status_code for n in (4, 5)] == [202, 202]
    found = problem(asked.post(json=numbered(4)), 409)
    assert found["type"] == "urn:fedlog:problem:overtaken"
    assert "Sequence 5 of greenhouse-3" in found["detail"]
    assert asked.post(json=numbered(3, "greenhouse-4")).status_code == 202, "another device counts by itself"
    assert asked.post(json=numbered(5)).status_code == 202, "the same again, as after a 503"
    assert [event.update_id for event in asked.submitted] == [
        *("greenhouse-3/4", "greenhouse-3/5", "greenhouse-4/3", "greenhouse-3/5")
    ]


def test_what_the_log_says_of_a_device_counts_too():
    asked = api()
    asked.board.folded(1, START, {"greenhouse-3": 2**63 - 1})
    found = problem(asked.post(json=numbered(7)), 409)
    assert str(2**63 - 1) in found["detail"]
    assert asked.post(json=numbered(2**63 - 1)).status_code == 202
    asked.board.folded(1, START)
    problem(asked.post(json=numbered(7)), 409)


def test_one_that_kafka_did_not_acknowledge_may_be_on_the_log_all_the_same():
    async def silent(update):
        raise LogUnavailableError("away")

    asked = api(submit=silent)
    problem(asked.post(json=numbered(5)), 503)
    problem(asked.post(json=numbered(4)), 409)
    problem(asked.post(json=numbered(5)), 503)


def test_the_model_has_the_fields_of_the_event_and_its_sensors():
    assert tuple(PostedUpdate.model_fields) == LocalUpdate._fields
    assert tuple(PostedEvaluation.model_fields) == Evaluation._fields
    assert set(PostedPairedError.model_fields) == set(PairedError._fields)
    schema = PostedUpdate.model_json_schema()["$defs"]["PostedError"]["properties"]["sensor"]
    assert tuple(schema["enum"]) == SENSORS


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"update_id": "greenhouse-3/5"}, "body"),
        ({"update_id": None}, "body/update_id"),
        ({"device_id": "a/b", "update_id": "a/b/4"}, "body/device_id"),
        ({"device_id": "", "update_id": "/4"}, "body/device_id"),
        ({"device_id": "a" * 101, "update_id": "a" * 101 + "/4"}, "body/device_id"),
        ({"device_id": "a\n", "update_id": "a\n/4"}, "body/device_id"),
        ({"sequence": 0, "update_id": "greenhouse-3/0"}, "body/sequence"),
        ({"sequence": 2**63, "update_id": f"greenhouse-3/{2**63}"}, "body/sequence"),
        ({"sequence": "4"}, "body/sequence"),
        ({"sequence": 4.5}, "body/sequence"),
        ({"sequence": True}, "body/sequence"),
        ({"event_time": EARLIEST - 1}, "body/event_time"),
        ({"event_time": LATEST}, "body/event_time"),
        ({"adopted_at": EARLIEST - 1}, "body/adopted_at"),
        ({"closed_at": LATEST}, "body/closed_at"),
        ({"base_version": 4}, "body/base_version"),
        ({"base_version": -1}, "body/base_version"),
        ({"architecture": "tanh-1-1"}, "body/architecture"),
        ({"weights": "no base64!"}, "body/weights"),
        ({"weights": "AAA"}, "body/weights"),
        ({"weights": ""}, "body/weights"),
        ({"weights": [1, 2]}, "body/weights"),
        ({"weights": base64.b64encode(b"not safetensors").decode()}, "body/weights"),
        ({"weights": spoiled(np.nan)}, "body/weights"),
        ({"weights": spoiled(-np.inf)}, "body/weights"),
        ({"weights": spoiled(2.0**20 + 1)}, "body/weights"),
        ({"weights": spoiled(-3e38)}, "body/weights"),
        ({"weights": wider()}, "body/weights"),
        ({"example_count": 0}, "body/example_count"),
        ({"example_count": 2**31}, "body/example_count"),
        ({"first_offset": -2}, "body/first_offset"),
        ({"first_offset": 5, "last_offset": 4}, "body"),
        ({"reading_partition": 2**31}, "body/reading_partition"),
        ({"errors": [ERRORS[0]._asdict() | {"sensor": "sound"}]}, "body/errors/0/sensor"),
        ({"errors": [ERRORS[0]._asdict() | {"horizon_ms": 1}]}, "body/errors/0/horizon_ms"),
        ({"errors": [ERRORS[0]._asdict() | {"count": 0}]}, "body/errors/0/count"),
        ({"errors": [ERRORS[0]._asdict() | {"mae": -0.1}]}, "body/errors/0/mae"),
        ({"errors": [ERRORS[0]._asdict() | {"mae": 1e300}]}, "body/errors/0/mae"),
        ({"errors": [ERRORS[0]._asdict(), ERRORS[0]._asdict()]}, "body"),
        ({"errors": [ERRORS[0]._asdict()] * 101}, "body/errors"),
        ({"errors": {}}, "body/errors"),
        ({"dataset": "x" * 201}, "body/dataset"),
        ({"resets": -1}, "body/resets"),
        ({"colour": "green"}, "body/colour"),
        ({"errors": [ERRORS[0]._asdict() | {"colour": "green"}]}, "body/errors/0/colour"),
        ({"evaluations": {}}, "body/evaluations"),
        (about(9), "body/evaluations"),
        ({"evaluations": [told(EVALUATIONS[0])] * 2}, "body"),
        (judging(version=4), "body/evaluations/0/version"),
        (judging(version=-1), "body/evaluations/0/version"),
        (judging(version=2**63), "body/evaluations/0/version"),
        (judging(version="3"), "body/evaluations/0/version"),
        (judging(champion=4), "body/evaluations/0/champion"),
        (judging(champion=-1), "body/evaluations/0/champion"),
        (judging(champion=3), "body/evaluations/0"),
        (judging(colour="green"), "body/evaluations/0/colour"),
        (judging(errors=None), "body/evaluations/0/errors"),
        (judging(errors=[told(EVALUATIONS[0])["errors"][0]] * 2), "body/evaluations/0"),
        (judging(errors=[told(EVALUATIONS[0])["errors"][0]] * 101), "body/evaluations/0/errors"),
        (paired(sensor="sound"), "body/evaluations/0/errors/0/sensor"),
        (paired(horizon_ms=1), "body/evaluations/0/errors/0/horizon_ms"),
        (paired(count=0), "body/evaluations/0/errors/0/count"),
        (paired(count=2**31), "body/evaluations/0/errors/0/count"),
        (paired(mae=-0.1), "body/evaluations/0/errors/0/mae"),
        (paired(champion_mae=-0.1), "body/evaluations/0/errors/0/champion_mae"),
        (paired(champion_mae=1e300), "body/evaluations/0/errors/0/champion_mae"),
        (paired(persistence_mae=1e300), "body/evaluations/0/errors/0/persistence_mae"),
        (paired(colour="green"), "body/evaluations/0/errors/0/colour"),
    ],
)
def test_what_is_not_an_update_is_refused_by_field_and_never_written(changes, where):
    asked = api()
    found = problem(asked.post(json=posted(**changes)), 422)
    assert found["type"] == "urn:fedlog:problem:invalid-input"
    assert where in {fault["where"] for fault in found["errors"]}
    assert asked.submitted == []


def test_weights_are_taken_up_to_the_largest_that_a_window_believes():
    asked = api()
    assert asked.post(json=posted(weights=spoiled(-(2.0**20)))).status_code == 202
    state, [event] = standing(RULES, 3), asked.submitted
    assert refusal(RULES, state, event.event_time, event) is None
    too_large = event._replace(weights=base64.b64decode(spoiled(2.0**20 + 1)))
    assert refusal(RULES, state, event.event_time, too_large) == "weights hold more than 1048576"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(number):
    asked = api()
    for good in ('"mae": 0.25', '"champion_mae": 0.375'):
        name = good.partition(":")[0]
        body = json.dumps(posted()).replace(good, f"{name}: {number}", 1)
        answer = asked.post(content=body, headers={"Content-Type": "application/json"})
        assert number in body
        assert problem(answer, answer.status_code)["status"] in (400, 422)
    assert asked.submitted == []


def test_all_faults_are_said_at_once_but_not_without_end():
    asked = api()
    found = problem(asked.post(json=posted(sequence=0, example_count=0, dataset=None)), 422)
    assert {"body/sequence", "body/example_count", "body/dataset"} <= {fault["where"] for fault in found["errors"]}
    strange = {f"{'x' * 500}{n}": n for n in range(1000)}
    empty = {"version": 1, "champion": 0, "errors": [{}] * 100}
    for body in (
        strange,
        posted(errors=[strange]),
        posted(errors=[[]] * 100),
        posted(evaluations=[strange]),
        posted(evaluations=[{"errors": [strange]}]),
        posted(evaluations=[empty] * 8),
    ):
        answer = asked.post(json=body)
        assert len(problem(answer, 422)["errors"]) == 20
        assert len(answer.content) < 10_000


def answered_soon(value):
    """What is wrong with a long body, found out with little work, however long this process waits for a core."""
    asked = api()
    asked.post(json=posted())
    body = json.dumps(value).encode()
    begun = time.process_time()
    found = problem(asked.post(content=body, headers={"Content-Type": "application/json"}), 422)
    assert time.process_time() - begun < 1
    return found["errors"]


@pytest.mark.parametrize("within", [lambda row: row, lambda row: {"errors": [row]}], ids=["itself", "errors"])
@pytest.mark.parametrize("place", ["", "evaluations"])
def test_a_body_full_of_strange_fields_does_not_hold_the_aggregator_up(place, within):
    row = within({f"{n:x}": 0 for n in range(90_000)})
    faults = answered_soon({place: [row]} if place else row)
    # Pydantic would say it in other words, once it had said it 90,000 times.
    assert [fault["detail"] for fault in faults] == ["There is no such field"] * 20


@pytest.mark.parametrize("place", ["errors", "evaluations"])
def test_a_body_full_of_rows_does_not_hold_the_aggregator_up(place):
    assert f"body/{place}" in {fault["where"] for fault in answered_soon({place: [{}] * 250_000})}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"a": 1,}', b'{"a": "\\ud800"}', b"[" * 100_000, b"nul"])
def test_what_is_not_json_is_said_to_be_none(body):
    asked = api()
    found = problem(asked.post(content=body, headers={"Content-Type": "application/json"}), 400)
    assert found["type"] == "urn:fedlog:problem:not-json"
    assert asked.submitted == []


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_only_json_is_taken(media_type):
    asked = api()
    headers = {"Content-Type": media_type} if media_type else {}
    problem(asked.post(content=json.dumps(posted()).encode(), headers=headers), 415)
    assert asked.submitted == []


def test_json_with_a_charset_is_json():
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert api().post(content=json.dumps(posted()).encode(), headers=headers).status_code == 202


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
GOOD = posted()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values | st.dictionaries(st.sampled_from(sorted(GOOD)), values).map(lambda changes: GOOD | changes))
def test_no_json_whatever_makes_the_server_fail(value):
    asked = ASKED
    before = len(asked.submitted)
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    answer = asked.post(content=body, headers={"Content-Type": "application/json"})
    if answer.status_code == 202:
        # Only what is the event itself may have passed.
        assert len(asked.submitted) == before + 1
        assert asked.submitted[-1].update_id == f"{asked.submitted[-1].device_id}/{asked.submitted[-1].sequence}"
    else:
        problem(answer, answer.status_code)
        assert answer.status_code in (400, 422)
        assert len(asked.submitted) == before


ASKED = api()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN}s"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": "Bearer lät me in"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 202),
        ({"Authorization": f"bearer {TOKEN}"}, 202),
    ],
)
def test_writing_takes_the_token_where_there_is_one(headers, status):
    asked = api(token=TOKEN)
    answer = asked.post(json=posted(), headers={k: v.encode() for k, v in headers.items()})
    assert answer.status_code == status
    if status == 401:
        problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert len(asked.submitted) == (status == 202)


def test_a_token_guards_before_anything_is_read_and_only_writing():
    asked = api(token=TOKEN)
    problem(asked.post(content=b"x" * 3_000_000), 401)
    assert asked("GET", "/global_model").status_code == 200


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_everybody_writes(token):
    asked = api(token=token)
    assert asked.post(json=posted(), headers={"Authorization": "Bearer whatever"}).status_code == 202


async def in_parts(body, size=1000):
    for start in range(0, len(body), size):
        yield body[start : start + size]


def body_of(size):
    """A good update, padded with spaces to a size in bytes."""
    body = json.dumps(posted()).encode()
    return body + b" " * (size - len(body))


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
@pytest.mark.parametrize(("size", "status"), [(99_999, 202), (100_000, 202), (100_001, 413), (5_000_000, 413)])
def test_the_body_is_bounded(announced, size, status):
    asked = api(limit_bytes=100_000)
    body = body_of(size)
    headers = {"Content-Type": "application/json"}
    answer = asked.post(content=body if announced else in_parts(body), headers=headers)
    assert ("content-length" in answer.request.headers) == announced
    assert answer.status_code == status
    if status == 413:
        problem(answer, 413)
    assert len(asked.submitted) == (status == 202)


def test_no_more_is_read_of_a_long_body_than_the_limit():
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1000
            yield b" " * 1000

    problem(api(limit_bytes=50_000).post(content=endless(), headers={"Content-Type": "application/json"}), 413)
    assert read <= 52_000


def test_a_body_that_breaks_off_is_nobodys_error(caplog):
    asked, answered = api(), []
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive():
        return next(messages)

    async def send(message):
        answered.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/local_updates", "query_string": b"", "headers": headers}
    asyncio.run(asked.app(scope | {"app": asked.app}, receive, send))
    assert answered[0]["status"] == 400
    assert (asked.submitted, caplog.records) == ([], [])


def test_an_announced_length_is_believed_only_if_it_is_too_long():
    asked = api(limit_bytes=100_000)
    headers = {"Content-Type": "application/json", "Content-Length": "10"}
    problem(asked.post(content=body_of(200_000), headers=headers), 413)
    problem(asked.post(content=in_parts(body_of(50_000)), headers=headers | {"Content-Length": "9" * 5000}), 413)


def test_the_default_limit_is_a_mebibyte():
    asked = api()
    assert asked.post(content=body_of(1 << 20), headers={"Content-Type": "application/json"}).status_code == 202
    problem(asked.post(content=body_of((1 << 20) + 1), headers={"Content-Type": "application/json"}), 413)


def test_an_update_is_answered_only_once_it_is_acknowledged():
    order = []

    async def slowly(update):
        await asyncio.sleep(0.1)
        order.append("acknowledged")
        return 0, 7

    asked = api(submit=slowly)
    assert asked.post(json=posted()).json()["offset"] == 7
    order.append("answered")
    assert order == ["acknowledged", "answered"]


@pytest.mark.parametrize("error", [LogUnavailableError("no broker at 127.0.0.1:9092"), TimeoutError()])
def test_what_kafka_does_not_acknowledge_is_to_be_posted_again(error):
    async def refusing(update):
        raise error

    answer = api(submit=refusing).post(json=posted())
    found = problem(answer, 503)
    assert found["type"] == "urn:fedlog:problem:log-unavailable"
    assert "9092" not in answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_kafka_is_not_waited_for_for_ever():
    async def silent(update):
        await asyncio.sleep(60)

    begun = time.monotonic()
    answer = api(submit=silent, patience_s=0.05).post(json=posted())
    problem(answer, 503)
    assert answer.headers["retry-after"]
    assert time.monotonic() - begun < 30

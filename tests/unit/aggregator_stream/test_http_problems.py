"""Whatever goes wrong is a problem of RFC 9457, and all of it stands in the description."""

import logging

import pytest

from tests.unit.aggregator_stream.asking import TOKEN, api, posted, problem

DESCRIBED = {
    ("get", "/global_model"): {"200", "404", "500"},
    ("get", "/global_models"): {"200", "422", "500"},
    ("get", "/global_models/{version}"): {"200", "404", "422", "500", "503"},
    ("get", "/global_models/{version}/weights"): {"200", "304", "404", "422", "500", "503"},
    ("post", "/local_updates"): {"202", "400", "401", "409", "413", "415", "422", "500", "503"},
    ("get", "/health"): {"200", "500"},
    ("get", "/metrics"): {"200", "500"},
}


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/global_models/1/contributions", "/%00", "/global_model/"])
def test_unknown_paths(path):
    found = problem(api()("GET", path), 404)
    assert (found["type"], found["title"]) == ("about:blank", "Not Found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/global_model"), ("DELETE", "/global_models/1"), ("GET", "/local_updates"), ("POST", "/health")],
)
def test_unknown_methods(method, path):
    answer = api()(method, path)
    problem(answer, 405)
    assert answer.headers["allow"]


def test_an_unexpected_error_is_logged_and_not_shown(caplog):
    async def broken(update):
        raise RuntimeError("the secret inside")

    asked = api(submit=broken)
    with caplog.at_level(logging.ERROR):
        answer = asked.post(json=posted())
    problem(answer, 500)
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text
    assert "the secret inside" in caplog.text
    assert "POST /local_updates" in caplog.text


def test_health():
    asked = api()
    asked.board.folded(pending=7, newest=asked.board.catalogue.newest.event.window_end + 90_000)
    answer = asked("GET", "/health")
    assert (answer.status_code, answer.json()) == (200, {"version": 3, "pending": 7, "window_lag_s": 90.0})


def test_health_before_anything_has_come():
    asked = api()
    asked.board.catalogue = type(asked.board.catalogue)()
    assert asked("GET", "/health").json() == {"version": 0, "pending": 0, "window_lag_s": None}


@pytest.fixture(scope="module")
def described():
    answer = api(token=TOKEN)("GET", "/openapi.json")
    assert answer.status_code == 200
    assert TOKEN not in answer.text
    return answer.json()


def test_every_route_and_answer_is_described(described):
    assert described["openapi"].startswith("3.")
    found = {
        (method, path): set(operation["responses"])
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    }
    assert found == DESCRIBED


def test_every_problem_is_described_as_one(described):
    for operations in described["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    content = answer["content"]
                    assert content == {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                    }, (operation["operationId"], status)


def references(node):
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere(described):
    found = set(references(described))
    assert "#/components/schemas/PostedUpdate" in found
    for reference in found:
        node = described
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert node


def test_the_posted_update_and_its_guard_are_described(described):
    post = described["paths"]["/local_updates"]["post"]
    assert post["security"] == [{"HTTPBearer": []}]
    assert post["requestBody"]["required"] is True
    fields = described["components"]["schemas"]["PostedUpdate"]["properties"]
    assert fields["weights"]["contentEncoding"] == "base64"
    assert (fields["sequence"]["minimum"], fields["event_time"]["exclusiveMaximum"]) == (1, 4_102_444_800_000)
    assert "same event" in post["description"]


def test_operations_have_names_of_their_own(described):
    names = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names) == len(DESCRIBED)

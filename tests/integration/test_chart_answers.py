"""What charts answer over REST from views that the sink's tasks filled, held against the very events."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from benchmarks.dashboards import events
from benchmarks.dashboards.__main__ import fill
from benchmarks.dashboards.asking import NONE_CHOSEN, Question, asked, narrowed, questions, timed
from benchmarks.dashboards.history import HORIZONS, History, end_of, history
from infra.settings import HOST
from infra.standalone import isolated, serving
from infra.superset.check import signed_in
from infra.superset.dashboards.catalogue import DASHBOARDS
from schemas.events import Prediction
from schemas.wire import iso

COUNT = 12_000
"""Two hours of event time."""
EMPTY = {"fleet-insights"}
"""No day is over."""


class Filled(NamedTuple):
    """Superset over the views of a history, and what it asks."""

    past: History
    predictions: list[Prediction]
    client: httpx.Client
    questions: dict[tuple[str, str], Question]

    def rows(self, dashboard: str, title: str, *conditions: dict[str, Any]) -> list[list[dict[str, Any]]]:
        """The rows of each of a chart's queries."""
        question = self.questions[dashboard, title]
        answer = asked(self.client, question._replace(body=narrowed(question.body, conditions)))
        return [result["data"] for result in answer["result"]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    settings = isolated(tmp_path_factory.mktemp("charts"))
    past = history(COUNT)
    with serving(settings, "mongo", "superset"):
        fill(settings, past, COUNT)
        password = (settings.home / "superset" / "admin_password").read_text()
        with signed_in(f"http://{HOST}:{settings.superset_port}", "admin", password) as client:
            found = [question for dashboard in DASHBOARDS for question in questions(client, dashboard)]
            known = {(question.dashboard, question.title): question for question in found}
            yield Filled(past, list(events.predictions(past)), client, known)


def test_every_chart_and_filter_answers_and_has_something_to_show(filled):
    counts = {key: timed(filled.client, question, time.process_time).rows for key, question in filled.questions.items()}
    alarms = {("fleet-now", "Devices whose newest bin is an alarm"), ("device", "Bins with an alarm, newest first")}
    without = {(dashboard, title) for (dashboard, title), count in counts.items() if not count}
    assert {(d, title.removesuffix(NONE_CHOSEN)) for d, title in without if d not in EMPTY} <= alarms
    assert counts["device", "filter: Source"] == 3


def test_a_chart_of_one_device_shows_the_first_where_none_is_chosen(filled):
    title = "Temperature (°C), measured and forecast"
    chosen, alarms = filled.rows("device", title)
    assert (chosen, alarms) == tuple(filled.rows("device", title + NONE_CHOSEN))
    measured = {row["at"]: row["measured_temperature"] for row in chosen if row["measured_temperature"] is not None}
    first = {
        each.made_at: each.persistence.temperature
        for each in filled.predictions
        if (each.source, each.device_id, each.horizon_ms) == ("local", "mote-01", HORIZONS[0])
    }
    assert measured == pytest.approx(first)


def test_errors_by_source_are_those_of_the_events(filled):
    [shown] = filled.rows("stream-and-batch", "Error by source")
    for row in shown:
        errors = [
            abs(each.error.temperature)
            for each in filled.predictions
            if each.source == row["source"] and each.horizon_ms == HORIZONS[0] and each.error
        ]
        assert row["scored"] == len(errors)
        assert row["error"] == pytest.approx(sum(errors) / len(errors), rel=1e-5)


@pytest.mark.parametrize("bins", [(0, 100), (6, 13)], ids=["all", "within one day"])
def test_stream_and_batch_are_compared_within_a_range_of_time(filled, bins):
    begin, end = (end_of(bin_) for bin_ in bins)
    within = {"col": "made_at", "op": "TEMPORAL_RANGE", "val": f"{text(begin)} : {text(end)}"}
    [shown] = filled.rows("stream-and-batch", "Agreement of stream and batch", within)
    made: dict[tuple[str, int], dict[str, Prediction]] = {}
    for each in filled.predictions:
        if each.horizon_ms == HORIZONS[0] and begin <= each.made_at < end:
            made.setdefault((each.device_id, each.made_at), {})[each.source] = each
    pairs = [(each["stream"], each["batch"]) for each in made.values() if {"stream", "batch"} <= each.keys()]
    assert sum(row["pairs"] for row in shown) == len(pairs) > 0
    apart = [abs(stream.forecast.temperature - batch.forecast.temperature) for stream, batch in pairs]
    assert max(row["largest_difference"] for row in shown) == pytest.approx(max(apart))


def text(moment: int) -> str:
    return iso(moment).removesuffix("Z")

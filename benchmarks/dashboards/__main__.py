"""``make bench-dashboards``: every chart of every dashboard's first view, with many predictions stored."""

import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import httpx
import psutil
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from benchmarks.dashboards import events as made
from benchmarks.dashboards import plain
from benchmarks.dashboards.asking import NONE_CHOSEN, Answer, Question, opened, questions, spent_by, timed
from benchmarks.dashboards.filling import View
from benchmarks.dashboards.findings import findings
from benchmarks.dashboards.history import History, history
from infra.settings import HOST, Settings
from infra.standalone import isolated, serving
from infra.superset.check import signed_in
from infra.superset.dashboards.catalogue import DASHBOARDS

TRIES = 3
BUSY_S = 3.0
"""For which is looked at what the machine does before it is asked anything."""
BAR_S, BAR_OF_A_DEVICE_S = 2.0, 4.0
"""In which every chart is to answer; those of the dashboard of one device."""


class Line(NamedTuple):
    """How one question was answered.

    Attributes:
        p50_s, max_s: seconds, of the answer in the middle and of the slowest.
        cpu_s: what the servers computed, s of one core, in the middle: about what it takes where nobody else is.
        rows: with any value.
        bar_s: in which the slowest is to come.
    """

    dashboard: str
    title: str
    p50_s: float
    max_s: float
    cpu_s: float
    rows: int
    bar_s: float

    @property
    def holds(self) -> bool:
        """Whether the slowest answer was within the bar."""
        return self.max_s < self.bar_s


@click.command()
@click.option("--predictions", default=1_000_000, show_default=True, help="Stored, from all sources together.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(predictions: int, format_: str) -> None:
    """Seconds that every chart of a dashboard's first view takes over REST, nothing cached; the data is synthetic."""
    home = Path(tempfile.mkdtemp(prefix="fedlog-bench-"))
    settings = isolated(home)
    try:
        with serving(settings, "mongo", "superset") as started:
            past = history(predictions)
            filled = fill(settings, past, predictions)
            found = measured(settings, [process.pid for process in started.values()])
    finally:
        shutil.rmtree(home, ignore_errors=True)
    found = {"predictions": predictions, "days": past.bins * 5 / 1440, "documents": filled, **found}
    if format_ == "json":
        click.echo(json.dumps(found, indent=1))
    else:
        show(found)


def fill(settings: Settings, past: History, predictions: int) -> dict[str, int]:
    """Bring the events into the views; the number of documents in each."""
    kinds: list[Iterable[Any]] = [
        *(made.readings(past), made.updates(past), made.versions(past), made.letters(past)),
        *(made.placings(past), findings(past)),
        made.predictions(past),
    ]
    view = View(settings)
    shown = click.get_text_stream("stderr")
    try:
        with click.progressbar(length=predictions, label="filling the views", file=shown) as bar:
            for kind in kinds:
                for count in view.take(kind):
                    bar.update(count if kind is kinds[-1] else 0)
    finally:
        view.close()
    with MongoClient[dict[str, Any]](settings.mongo_uri) as client:
        database = client[settings.database]
        return {name: database[name].estimated_document_count() for name in sorted(database.list_collection_names())}


def measured(settings: Settings, servers: Sequence[int]) -> dict[str, Any]:
    """All questions ``TRIES`` times, dashboards opened at once, and the same asked without roll-ups and ids.

    Args:
        settings: where the servers are.
        servers: their processes.
    """
    password = (settings.home / "superset" / "admin_password").read_text()
    with signed_in(f"http://{HOST}:{settings.superset_port}", "admin", password) as client:
        asked = [question for dashboard in DASHBOARDS for question in questions(client, dashboard)]
        busy = psutil.cpu_percent(BUSY_S)
        lines = list(_lines(client, asked, partial(spent_by, servers)))
        together = {dashboard.slug: opened(client, _first_view(asked, dashboard.slug)) for dashboard in DASHBOARDS}
    return {
        "busy_before": busy / 100,
        "charts": [line._asdict() | {"holds": line.holds} for line in lines],
        "opened_s": together,
        "plain": dict(_plain(settings)),
    }


def _first_view(asked: Iterable[Question], dashboard: str) -> list[Question]:
    return [each for each in asked if each.dashboard == dashboard and not each.title.endswith(NONE_CHOSEN)]


def _lines(client: httpx.Client, asked: list[Question], spent: Callable[[], float]) -> Iterator[Line]:
    answers: dict[int, list[Answer]] = {place: [] for place in range(len(asked))}
    shown = click.get_text_stream("stderr")
    with click.progressbar(list(range(len(asked))) * TRIES, label="asking the charts", file=shown) as bar:
        for place in bar:  # not one chart three times: what it has read would still be at hand
            answers[place].append(timed(client, asked[place], spent))
    for place, question in enumerate(asked):
        seconds = [answer.seconds for answer in answers[place]]
        bar_s = BAR_OF_A_DEVICE_S if question.dashboard == "device" else BAR_S
        rows = answers[place][-1].rows
        cpu_s = statistics.median(answer.cpu_s for answer in answers[place])
        yield Line(question.dashboard, question.title, statistics.median(seconds), max(seconds), cpu_s, rows, bar_s)


def _plain(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    # The largest last: the stand-in keeps all that a find returns in its heap before it answers.
    ways: dict[str, Callable[[Database[Any]], int]] = {
        "one device's last 24 hours": lambda database: plain.of_one_device(database, "mote-01"),
        "error by source, hour by hour": plain.errors_by_hour,
    }
    with MongoClient[dict[str, Any]](settings.mongo_uri, socketTimeoutMS=300_000) as client:
        for name, way in ways.items():
            began = time.perf_counter()
            try:
                answer: dict[str, Any] = {"rows": way(client[settings.database])}
            except PyMongoError as error:
                answer = {"rows": 0, "error": f"{error!s:.200}"}
            yield name, {"seconds": time.perf_counter() - began, **answer}


def show(found: dict[str, Any]) -> None:
    """The table."""
    documents = ", ".join(f"{name} {count:,}" for name, count in found["documents"].items())
    days = f"{found['days']:.1f} days of synthetic data"
    click.echo(f"{found['predictions']:,} predictions, {days}, {psutil.cpu_count()} cores, {platform.machine()}")
    click.echo(documents)
    click.echo(f"before it was asked, {found['busy_before']:.0%} of the machine was taken by others")
    click.echo(f"{'dashboard':<17}{'asks':<62}{'middle':>7}{'most':>7}{'cpu':>7}  {'rows':>8}")
    for line in found["charts"]:
        missed = "" if line["holds"] else "   missed"
        numbers = f"{line['p50_s']:>7.2f}{line['max_s']:>7.2f}{line['cpu_s']:>7.2f} s{line['rows']:>8,}"
        click.echo(f"{line['dashboard']:<17}{line['title']:<62}{numbers}   bar {line['bar_s']:.0f} s{missed}")
    for slug, seconds in found["opened_s"].items():
        click.echo(f"{slug:<17}{'all at once, six at a time':<62}{seconds:>14.2f} s")
    for name, answer in found["plain"].items():
        told = answer.get("error", "")
        click.echo(f"{'a plain scan':<17}{name:<62}{answer['seconds']:>14.2f} s{answer['rows']:>8,}   {told}")


if __name__ == "__main__":
    sys.exit(main())

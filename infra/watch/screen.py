"""The terminal's picture of a history."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from infra.watch.history import History
from schemas.topics import TOPICS
from schemas.wire import iso

MINUTE_MS = 60_000
TOLD = ("version", "window", "strategy", "contributors", "error", "promotion", "champion")
"""Headers of a global model."""


def screen(history: History) -> RenderableType:
    """All of it."""
    tables = (_topics(history), _lags(history), _model(history), _errors(history), _anomalies(history))
    return Group(Columns([Panel(table, title=title, title_align="left") for title, table in tables]))


def _topics(history: History) -> tuple[str, Table]:
    last, rates = history.newest, history.rates()
    table = _table("topic", "records", "a second", "event time")
    for topic in TOPICS:
        rate = f"{rates[topic]:,.1f}" if topic in rates else ""
        moment = iso(last.reached[topic]) if topic in last.reached else ""
        table.add_row(topic, f"{last.ends[topic]:,}", rate, moment)
    return "the log", table


def _lags(history: History) -> tuple[str, Table]:
    table = _table("consumer group", "lag")
    for group, lag in history.newest.lags.items():
        table.add_row(group, f"{lag:,}")
    return "not committed yet", table


def _model(history: History) -> tuple[str, Table]:
    model, reached = history.newest.model, history.newest.reached
    table = Table(show_header=False, box=None)
    for name in TOLD:
        if name in model:
            table.add_row(name, model[name])
    if "window" in model and "iot_stream" in reached:
        table.add_row("age", f"{_minutes_behind(model['window'], reached['iot_stream'])} minutes of event time")
    return "the global model" if model else "no global model yet", table


def _errors(history: History) -> tuple[str, Table]:
    table = _table("source", "minutes", "scored", "error, °C", "persistence", "ratio")
    for (source, horizon_ms), each in history.errors().items():
        ratio = f"{each.error / each.persistence:.2f}" if each.persistence else ""
        cells: Iterable[str] = (str(horizon_ms // MINUTE_MS), str(each.count), f"{each.error:.3f}")
        table.add_row(source, *cells, f"{each.persistence:.3f}", ratio)
    return "the last forecasts of temperature", table


def _anomalies(history: History) -> tuple[str, Table]:
    table = _table("device", "at", "score", "fault")
    for event in history.anomalies:
        score = "" if event.anomaly_score is None else f"{event.anomaly_score:.2f}"
        table.add_row(event.device_id, iso(event.target_at), score, event.fault or "")
    return "the last anomalies", table


def _minutes_behind(window: str, reached: int) -> int:
    """From a window's end to a moment of event time."""
    end = datetime.strptime(window.rpartition("/")[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return (reached - int(end.timestamp() * 1000)) // MINUTE_MS


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None)
    for name in others:
        table.add_column(name, justify="right")
    return table

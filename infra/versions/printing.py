"""Versions of the global model for people: what ``describing`` says, in tables."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.versions.describing import Described
from schemas.events import UNITS

MINUTE_MS = 60_000
NAMED = 12
"""Of a longer list so many are named."""


def show_inspected(told: Described, console: Console) -> None:
    """One version."""
    console.print(_pairs(_standing(told)), highlight=False)
    apart = {row["name"]: _apart(row) for row in told["from_parent"]}
    arrays = [
        (row["name"], "×".join(map(str, row["shape"])), f"{row['norm']:.4g}", *apart.get(row["name"], ("",) * 3))
        for row in told["arrays"]
    ]
    if "all" in apart:
        arrays.append(("all", "", "", *apart["all"]))
    console.print(_table(("array", "shape", "norm", "from its parent", "share of its norm", "cosine"), arrays))
    errors = (
        (*_target(e), f"{e['count']:,}", f"{e['mae']:.4f}", f"{e['persistence_mae']:.4f}") for e in told["errors"]
    )
    console.print(_table(("sensor", "minutes", "labels", "error", "persistence"), errors))
    names = ("update", "base_version", "staleness", "example_count", "coefficient", "outcome", "reason")
    contributions = (tuple(_text(each[name]) for name in names) for each in told["contributions"])
    console.print(_table((name.replace("_", " ") for name in names), contributions))


def show_compared(told: Described, console: Console) -> None:
    """Two versions."""
    a, b = (f"version {told[side]}" for side in "ab")
    changed = ((name, _text(one), _text(other)) for name, (one, other) in told["changed"].items())
    console.print(_table(("", a, b), changed))
    who = told["contributors"]
    only = {f"only in {told[side]}": _named(who[f"only_{side}"]) for side in "ab"}
    console.print(_pairs({"in both": f"{who['both']} devices"} | only))
    arrays = ((row["name"], *_apart(row)) for row in told["arrays"])
    console.print(_table(("array", f"{told['b']} from {told['a']}", "share of its norm", "cosine"), arrays))
    errors = ((*_target(e), f"{e['a']:.4f}", f"{e['b']:.4f}") for e in told["errors"])
    console.print(_table(("sensor", "minutes", a, b), errors))


def _standing(told: Described) -> dict[str, str]:
    pinned = ", an operator's word" if told["pinned"] else ""
    lines = {
        "version": f"{told['version']} of {told['dataset']}",
        "window": " to ".join(told["window"]),
        "strategy": " ".join((told["strategy"], _text(told["strategy_parameters"]))).strip(),
        "network": told["architecture"],
        "standing": f"{told['promotion']}; everybody stands on {told['stands_on']}{pinned}",
        "made from": _named(told["ancestors"]) or "the common start",
        "updates": ", ".join(f"{count} {outcome}" for outcome, count in told["outcomes"].items()) or "none",
        "examples": f"{told['examples']:,}",
        "reason": told["reason"],
    }
    for each in told["decisions"]:
        lines[f"{each['version']} {each['state']}"] = f"by {each['by']}: {each['reason']}"
    return {name: line for name, line in lines.items() if line}


def _target(error: Described) -> tuple[str, str]:
    return f"{error['sensor']} {UNITS[error['sensor']]}", str(error["horizon_ms"] // MINUTE_MS)


def _apart(row: Described) -> tuple[str, str, str]:
    return f"{row['euclidean']:.4g}", f"{row['share']:.2%}", f"{row['cosine']:.6f}"


def _named(names: list[Any]) -> str:
    shown = ", ".join(map(str, names[:NAMED]))
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.4g}"
        case dict():
            return ", ".join(f"{name}={_text(each)}" for name, each in value.items())
        case list():
            return " to ".join(map(_text, value))
    return str(value)


def _pairs(lines: dict[str, str]) -> Table:
    table = Table(show_header=False, box=None)
    for name, value in lines.items():
        table.add_row(name, value)
    return table


def _table(names: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(*names)
    for row in rows:
        table.add_row(*row)
    return table

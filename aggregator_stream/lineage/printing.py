"""A lineage for people, as a tree, and for programs, as JSON: the same content."""

import json
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from aggregator_stream.lineage.links import Link


def as_json(link: Link) -> str:
    """The tree, each link with whether it holds itself, and how many do not."""
    return json.dumps({"broken": link.broken, "lineage": _plain(link)}, ensure_ascii=False)


def show(link: Link, console: Console) -> None:
    """Print the tree, then what it comes to."""
    console.print(_branch(link, None), highlight=False)
    broken = f"{link.broken} of {link.size} links do not hold" if link.broken else f"all {link.size} links hold"
    console.print(broken, style="red" if link.broken else "green", highlight=False)


def _plain(link: Link) -> dict[str, Any]:
    return {
        "label": link.label,
        "place": link.place,
        "ok": link.ok,
        "detail": link.detail,
        "wrong": list(link.wrong),
        "children": [_plain(child) for child in link.children],
    }


def _branch(link: Link, parent: Tree | None) -> Tree:
    branch = Tree(_line(link)) if parent is None else parent.add(_line(link))
    for child in link.children:
        _branch(child, branch)
    return branch


def _line(link: Link) -> Text:
    line = Text.assemble(("✓ ", "green") if link.ok else ("✗ ", "red"), (link.label, "bold"))
    if link.detail:
        line.append(f": {link.detail}")
    if link.place:
        line.append(f" · {link.place}", "dim")
    for sentence in link.wrong:
        line.append(f"\n✗ {sentence}", "red")
    return line

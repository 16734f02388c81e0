"""The pages that follow from the code: events field by field, and settings (``python -m infra.reference``)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from infra.settings import ROOT, Settings
from schemas.topics import TOPICS

PAGES = ROOT / "docs"
GENERATED = "<!-- Written by `python -m infra.reference`; a test holds it against the code. -->"
EVENTS = """\
What lies on each topic: Avro in the Confluent wire format, its schema under the subject named. A field without a
default has been there from the first version on; with one, readers may meet events that lack it."""
SETTINGS = """\
Environment variables, all declared in `infra/settings.py`; an empty one is as none. `FEDLOG_AGGREGATOR_TOKEN`, which
posting updates over HTTP takes (docs/http.md), is the aggregator's alone: it is a secret, and in no file."""


def events() -> str:
    """Every topic's event, from its schema."""
    parts = [GENERATED, "# Events", EVENTS]
    for spec in TOPICS.values():
        schema = spec.schema
        where = f"{spec.partitions} partitions; subject `{spec.subject}`."
        for record in _records(schema):
            title = f"## {spec.name}" if record is schema else f"**{record['name']}**"
            said = [record.get("doc", ""), where if record is schema else ""]
            parts += [title, " ".join(filter(None, said)), _table(("field", "type", "default", "is"), _fields(record))]
    return "\n\n".join(filter(None, parts)) + "\n"


def settings() -> str:
    """Every setting, from its declaration."""
    rows = [
        (f"`FEDLOG_{name.upper()}`", _default(field), field.description or _port(name))
        for name, field in Settings.model_fields.items()
    ]
    return "\n\n".join([GENERATED, "# Settings", SETTINGS, _table(("variable", "default", "is"), rows)]) + "\n"


def _records(schema: Any) -> Iterator[dict[str, Any]]:
    """A record, and those that are defined within it."""
    match schema:
        case {"type": "record", "fields": fields}:
            yield schema
            for field in fields:
                yield from _records(field["type"])
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            yield from _records(inner)
        case list():
            for branch in schema:
                yield from _records(branch)


def _fields(record: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for field in record["fields"]:
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        yield f"`{field['name']}`", _type(field["type"]), default, field.get("doc", "")


def _type(schema: Any) -> str:
    match schema:
        case list():
            return " or ".join(map(_type, schema))
        case {"type": "record", "name": name}:
            return str(name)
        case {"type": "array", "items": items}:
            return f"array of {_type(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_type(values)}"
        case {"logicalType": logical}:
            return str(logical)
    return str(schema).rpartition(".")[2]


def _default(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, Path):
        default = default.relative_to(ROOT)
    return "" if default is False or default == "" else f"`{default}`"


def _port(name: str) -> str:
    return f"Of loopback: {name.removesuffix('_port').replace('_', ' ')}."


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    """Write both pages."""
    for name, page in (("events.md", events()), ("settings.md", settings())):
        (PAGES / name).write_text(page)


if __name__ == "__main__":
    main()

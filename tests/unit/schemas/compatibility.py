"""Avro's rules of schema resolution, as the specification states them; stricter in one thing: meaning counts.

A change of logical type, which Avro lets pass, is refused, since it changes what a stored number means.
"""

from typing import Any

PROMOTIONS = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}


def breaks(old: Any, new: Any) -> list[str]:
    """Why the two are not fully compatible: what either cannot read of what the other wrote. Empty: they are."""
    forward = [f"old cannot read new: {why}" for why in unreadable(new, old)]
    return [f"new cannot read old: {why}" for why in unreadable(old, new)] + forward


def unreadable(writer: Any, reader: Any) -> list[str]:
    """Every reason for which data of ``writer`` cannot be read as ``reader``."""
    return _unreadable(writer, reader, _named(writer, {}), _named(reader, {}), "")


def _named(schema: Any, found: dict[str, Any]) -> dict[str, Any]:
    match schema:
        case list():
            for branch in schema:
                _named(branch, found)
        case {"type": "record", "name": name, "fields": fields}:
            found[name] = schema
            for field in fields:
                _named(field["type"], found)
        case {"items": inner} | {"values": inner}:
            _named(inner, found)
    return found


def _plain(schema: Any, names: dict[str, Any]) -> Any:
    """The schema with a name looked up and a bare primitive as an object."""
    if isinstance(schema, str):
        return names.get(schema, {"type": schema})
    return schema


def _unreadable(writer: Any, reader: Any, written: dict[str, Any], read: dict[str, Any], at: str) -> list[str]:
    writer, reader = _plain(writer, written), _plain(reader, read)
    if isinstance(writer, list):
        return [why for branch in writer for why in _unreadable(branch, reader, written, read, at)]
    if isinstance(reader, list):
        fits = any(not _unreadable(writer, branch, written, read, at) for branch in reader)
        return [] if fits else [f"{at or 'the record'}: no branch of the union takes {writer['type']}"]
    kinds = writer["type"], reader["type"]
    if writer.get("logicalType") != reader.get("logicalType"):
        return [f"{at}: {writer.get('logicalType')} is not {reader.get('logicalType')}"]
    if kinds == ("record", "record"):
        return _unreadable_fields(writer, reader, written, read, at)
    if kinds in {("array", "array"), ("map", "map")}:
        inner = "items" if kinds[0] == "array" else "values"
        return _unreadable(writer[inner], reader[inner], written, read, f"{at}[]")
    return [] if kinds[0] == kinds[1] or kinds in PROMOTIONS else [f"{at}: {kinds[0]} is not {kinds[1]}"]


def _unreadable_fields(writer: Any, reader: Any, written: dict[str, Any], read: dict[str, Any], at: str) -> list[str]:
    if writer["name"] != reader["name"]:
        return [f"{at}: record {writer['name']} is not {reader['name']}"]
    there = {field["name"]: field for field in writer["fields"]}
    found = []
    for field in reader["fields"]:
        name = f"{at}.{field['name']}"
        if field["name"] in there:
            found += _unreadable(there[field["name"]]["type"], field["type"], written, read, name)
        elif "default" not in field:
            found.append(f"{name}: not written, and without a default")
    return found

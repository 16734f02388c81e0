"""What the Avro schema of a topic says of its documents: a validator for MongoDB, and an index worth having."""

from typing import Any

from mongo_sink.documents import Document

# An integer is written as short as it fits. Bytes that an older schema lacks come as the default stands in the newer
# one, which is text.
BSON_TYPES: dict[str, list[str]] = {
    "null": ["null"],
    "boolean": ["bool"],
    "int": ["int", "long"],
    "long": ["int", "long"],
    "float": ["double"],
    "double": ["double"],
    "bytes": ["binData", "string"],
    "fixed": ["binData"],
    "string": ["string"],
}


def validator(schema: dict[str, Any]) -> Document:
    """``$jsonSchema`` for the documents of a topic: every field of the event, of the type that Avro says."""
    return {"$jsonSchema": _rule(schema, {})}


def derived_index(schema: dict[str, Any]) -> Document:
    """By device, then moment, where the events have both; else none."""
    fields = {field["name"]: field["type"] for field in schema["fields"]}
    moment = next((name for name, type_ in fields.items() if _is_moment(type_)), None)
    return {"device_id": 1, moment: 1} if "device_id" in fields and moment else {}


def is_leaf(schema: dict[str, Any], path: str) -> bool:
    """Whether a dotted path leads to a field of the documents that is no document itself, nor an array."""
    rule = _rule(schema, {})
    for name in path.split("."):
        rule = rule.get("properties", {}).get(name, {})
    return bool(rule.get("bsonType")) and not {"object", "array"} & set(rule["bsonType"])


def _is_moment(type_: Any) -> bool:
    return isinstance(type_, dict) and type_.get("logicalType") == "timestamp-millis"


def _rule(type_: Any, named: dict[str, Any]) -> Document:
    """The rule of an Avro type; ``named`` are the records and enums met so far, which later fields refer to."""
    if isinstance(type_, list):
        return _union([_rule(branch, named) for branch in type_])
    if isinstance(type_, str):
        return {"bsonType": BSON_TYPES[type_]} if type_ in BSON_TYPES else named[type_.rpartition(".")[2]]
    if _is_moment(type_):
        return {"bsonType": ["date"]}
    match type_["type"]:
        case "record":
            rule: Document = {"bsonType": ["object"], "required": [field["name"] for field in type_["fields"]]}
            rule["properties"] = {field["name"]: _rule(field["type"], named) for field in type_["fields"]}
            named[type_["name"]] = rule
            return rule
        case "array":
            return {"bsonType": ["array"], "items": _rule(type_["items"], named)}
        case "map":
            return {"bsonType": ["object"], "additionalProperties": _rule(type_["values"], named)}
        case "enum":
            named[type_["name"]] = {"enum": type_["symbols"]}
            return named[type_["name"]]
        case simple:
            return _rule(simple, named)


def _union(rules: list[Document]) -> Document:
    """One rule for all branches: of plain types their names together, else whichever holds."""
    types = [name for rule in rules for name in rule.get("bsonType", ())]
    beyond = [rule for rule in rules if rule.keys() != {"bsonType"}]
    if len(beyond) == 1 and "bsonType" in beyond[0]:
        return beyond[0] | {"bsonType": types}  # the other keywords are about objects or arrays only
    return {"anyOf": rules} if beyond else {"bsonType": types}

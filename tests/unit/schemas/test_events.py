"""Each event class against its ``.avsc``, field by field."""

import typing

import pytest

from schemas import events
from schemas.topics import FOREVER, PARTITIONS, PASSING, TOPIC_OF, TOPICS

PRIMITIVES = {"string": str, "long": int, "int": int, "double": float, "bytes": bytes, "boolean": bool, "null": None}


def records(schema):
    """Every record in a schema, itself included, by name."""
    found = {}
    match schema:
        case list():
            for branch in schema:
                found |= records(branch)
        case {"type": "record", "name": name, "fields": fields}:
            found[name] = schema
            for field in fields:
                found |= records(field["type"])
        case {"items": inner} | {"values": inner}:
            found |= records(inner)
    return found


RECORDS = [(topic, name) for topic, spec in TOPICS.items() for name in records(spec.schema)]


def annotation(avro):
    """The Python annotation that an Avro type deserves."""
    match avro:
        case ["null", other]:
            return typing.Optional[annotation(other)]  # noqa: UP045
        case {"type": "array", "items": items}:
            return tuple[annotation(items), ...]
        case {"type": "map", "values": values}:
            return dict[str, annotation(values)]
        case {"type": "record", "name": name} | str(name) if name not in PRIMITIVES:
            return getattr(events, name)
        case {"type": "long", "logicalType": "timestamp-millis"}:
            return int
        case str(name):
            return PRIMITIVES[name]
    raise AssertionError(f"{avro} has no Python type here")


def plain(default):
    """A default as JSON has it."""
    match default:
        case bytes():
            return default.decode()
        case tuple():
            return list(default)
    return default


def test_every_topic_has_its_event_and_every_event_its_topic():
    assert {spec.event for spec in TOPICS.values()} == set(typing.get_args(events.Event))
    assert {topic: spec.event.__name__ for topic, spec in TOPICS.items()} == {
        topic: spec.schema["name"] for topic, spec in TOPICS.items()
    }
    assert all(TOPICS[TOPIC_OF[spec.event]] is spec for spec in TOPICS.values())


@pytest.mark.parametrize(("topic", "record"), RECORDS)
def test_the_class_has_the_fields_of_the_record_in_their_order(topic, record):
    fields = records(TOPICS[topic].schema)[record]["fields"]
    assert getattr(events, record)._fields == tuple(field["name"] for field in fields)


@pytest.mark.parametrize(("topic", "record"), RECORDS)
def test_the_class_has_the_types_of_the_record(topic, record):
    fields = records(TOPICS[topic].schema)[record]["fields"]
    hints = typing.get_type_hints(getattr(events, record))
    assert hints == {field["name"]: annotation(field["type"]) for field in fields}


@pytest.mark.parametrize(("topic", "record"), RECORDS)
def test_defaults_are_the_schemas(topic, record):
    fields = {field["name"]: field for field in records(TOPICS[topic].schema)[record]["fields"]}
    for name, default in getattr(events, record)._field_defaults.items():
        assert fields[name]["default"] == plain(default), name
    for name, field in fields.items():
        # What may be missing is missing where it is not said; a union's default is of its first branch.
        if isinstance(field["type"], list):
            assert field["default"] is None, name
            assert field["type"][0] == "null", name


def test_moments_and_nothing_else_are_timestamps_in_ms():
    moments = {
        field["name"]
        for spec in TOPICS.values()
        for record in records(spec.schema).values()
        for field in record["fields"]
        if "timestamp-millis" in str(field["type"]) and "record" not in str(field["type"])
    }
    assert moments == {
        "event_time",
        "adopted_at",
        "closed_at",
        "window_start",
        "window_end",
        "made_at",
        "target_at",
        "origin_timestamp",
        "issued_at",
        "start",
        "end",
    }


def test_records_of_one_name_are_the_same_record_in_every_topic():
    seen = {}
    for spec in TOPICS.values():
        for name, record in records(spec.schema).items():
            assert seen.setdefault(name, record) == record


@pytest.mark.parametrize("spec", TOPICS.values(), ids=lambda spec: spec.name)
def test_no_topic_loses_history(spec):
    derived = spec.name in ("window_plans", "window_parts")
    assert spec.config == (PASSING if derived else FOREVER)
    assert spec.config["retention.bytes"] == "-1"
    assert (spec.config["retention.ms"] == "-1") is not derived
    assert spec.config["cleanup.policy"] == "delete"
    assert spec.partitions == PARTITIONS
    assert spec.subject == f"{spec.name}-value"

"""A schema that cannot read what an earlier one wrote, or the other way round, must not pass.

``published/<topic>.v<n>.avsc`` are the schemas that logs have been written with. They are never edited: a compatible
change of an ``.avsc`` adds the next copy.
"""

import copy
import io
import json
from pathlib import Path

import fastavro
import pytest

from schemas.codec import plain
from schemas.topics import TOPIC_OF, TOPICS
from tests.unit.schemas.compatibility import breaks
from tests.unit.schemas.samples import SAMPLES, name_of

PUBLISHED = Path(__file__).parent / "published"
VERSIONS = sorted(PUBLISHED.glob("*.avsc"))


def topic_of(path):
    return path.name.split(".")[0]


def version_of(path):
    return int(path.name.split(".")[1].removeprefix("v"))


def without_docs(schema):
    if isinstance(schema, dict):
        return {name: without_docs(value) for name, value in schema.items() if name != "doc"}
    return [without_docs(item) for item in schema] if isinstance(schema, list) else schema


def carried(row, writer, reader):
    """``row`` written with one schema and read with the other, by fastavro."""
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(copy.deepcopy(writer)), row)
    data.seek(0)
    return fastavro.schemaless_reader(
        data, fastavro.parse_schema(copy.deepcopy(writer)), fastavro.parse_schema(copy.deepcopy(reader))
    )


def field(schema, name):
    return next(field for field in schema["fields"] if field["name"] == name)


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.name)
def test_a_schema_is_fully_compatible_with_every_published_version(path):
    assert breaks(json.loads(path.read_text()), TOPICS[topic_of(path)].schema) == []


@pytest.mark.parametrize("topic", TOPICS)
def test_the_newest_published_copy_is_todays_schema(topic):
    newest = max((path for path in VERSIONS if topic_of(path) == topic), key=version_of)
    assert without_docs(json.loads(newest.read_text())) == without_docs(TOPICS[topic].schema), (
        f"schemas/{topic}.avsc has changed: add published/{topic}.v{version_of(newest) + 1}.avsc"
    )


@pytest.mark.parametrize("event", SAMPLES, ids=name_of)
def test_events_of_every_published_version_are_read_today_and_the_other_way_round(event):
    topic = TOPIC_OF[type(event)]
    today, row = TOPICS[topic].schema, plain(event)
    expected = carried(row, today, today)
    for path in VERSIONS:
        if topic_of(path) == topic:
            old = json.loads(path.read_text())
            known = {field["name"] for field in old["fields"]}
            defaults = {field["name"]: field["default"] for field in today["fields"] if field["name"] not in known}
            assert carried(row, old, today) == expected | defaults
            assert carried(row, today, old) == {name: value for name, value in expected.items() if name in known}


def added_without_default(schema):
    schema["fields"].append({"name": "extra", "type": "string"})


def removed_without_default(schema):
    schema["fields"] = [f for f in schema["fields"] if f["name"] != "device_id"]


def renamed(schema):
    field(schema, "device_id")["name"] = "device"


def number_to_text(schema):
    field(schema, "sequence")["type"] = "string"


def widened(schema):
    field(schema, "reading_partition")["type"] = "long"


def nullable(schema):
    field(schema, "sequence")["type"] = ["null", "long"]


def no_longer_nullable(schema):
    field(schema, "adopted_at")["type"] = {"type": "long", "logicalType": "timestamp-millis"}


def moment_in_microseconds(schema):
    field(schema, "event_time")["type"]["logicalType"] = "timestamp-micros"


def nested_field_added_without_default(schema):
    added_without_default(field(schema, "errors")["type"]["items"])


def nested_record_renamed(schema):
    field(schema, "errors")["type"]["items"]["name"] = "Error"


def record_renamed(schema):
    schema["name"] = "Update"


def other_unit_of_map(schema):
    schema["fields"].append({"name": "extra", "type": {"type": "map", "values": "long"}})


BREAKING = [
    added_without_default,
    removed_without_default,
    renamed,
    number_to_text,
    widened,
    nullable,
    no_longer_nullable,
    moment_in_microseconds,
    nested_field_added_without_default,
    nested_record_renamed,
    record_renamed,
    other_unit_of_map,
]


@pytest.mark.parametrize("mutate", BREAKING, ids=lambda f: f.__name__)
def test_the_check_refuses_a_breaking_change(mutate):
    schema = TOPICS["local_updates"].schema
    mutate(schema)
    assert breaks(TOPICS["local_updates"].schema, schema)


REFUSED_BY_FASTAVRO_TOO = [
    # Each in the direction that breaks it: (mutation, whether today's schema is the writer).
    (added_without_default, True),
    (removed_without_default, False),
    (number_to_text, True),
    (nested_field_added_without_default, True),
]


@pytest.mark.parametrize(("mutate", "written_today"), REFUSED_BY_FASTAVRO_TOO, ids=lambda x: getattr(x, "__name__", x))
def test_what_the_check_refuses_cannot_be_read_in_fact(mutate, written_today):
    event = next(e for e in SAMPLES if TOPIC_OF[type(e)] == "local_updates")
    today, changed = TOPICS["local_updates"].schema, TOPICS["local_updates"].schema
    mutate(changed)
    writer, reader = (today, changed) if written_today else (changed, today)
    with pytest.raises(fastavro.read.SchemaResolutionError):
        carried(plain(event), writer, reader)


def added_with_default(schema):
    schema["fields"].append({"name": "extra", "type": ["null", "string"], "default": None})


def removed_with_default(schema):
    schema["fields"] = [f for f in schema["fields"] if f["name"] != "adopted_at"]


def reordered(schema):
    schema["fields"].reverse()


def documented(schema):
    schema["doc"] = field(schema, "sequence")["doc"] = "Other words."


@pytest.mark.parametrize(
    "mutate", [added_with_default, removed_with_default, reordered, documented], ids=lambda f: f.__name__
)
def test_the_check_lets_a_compatible_change_pass(mutate):
    schema = TOPICS["local_updates"].schema
    mutate(schema)
    assert breaks(TOPICS["local_updates"].schema, schema) == []
    event = next(e for e in SAMPLES if TOPIC_OF[type(e)] == "local_updates")
    row = plain(event)
    for writer, reader in (
        (TOPICS["local_updates"].schema, schema),
        (schema, TOPICS["local_updates"].schema),
    ):
        read = carried(row, writer, reader)
        assert read["weights"] == event.weights
        assert read["sequence"] == event.sequence

"""What the log promises to who uses it without us: topics as specified, schemas that hold, events anybody decodes."""

import copy
import json
from datetime import datetime

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from infra import contracts
from schemas.codec import Codec, plain
from schemas.registry import BreakingChangeError, register
from schemas.topics import PARTITIONS, TOPIC_OF, TOPICS
from tests.unit.schemas.samples import SAMPLES

pytestmark = pytest.mark.integration


def configured(admin, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return {name: entry.value for name, entry in admin.describe_configs([resource])[resource].result().items()}


def test_topics_are_as_specified_and_become_so_again(log, log_servers):
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    changed = ConfigResource(
        ResourceType.TOPIC,
        "iot_stream",
        incremental_configs=[ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)],
    )
    admin.incremental_alter_configs([changed])[changed].result()
    assert configured(admin, "iot_stream")["retention.ms"] == "1000"
    contracts.establish(log_servers)
    described = admin.list_topics(timeout=10).topics
    for spec in TOPICS.values():
        assert len(described[spec.name].partitions) == PARTITIONS
        assert configured(admin, spec.name).items() >= spec.config.items()
    assert configured(admin, "iot_stream")["retention.ms"] == "-1"


def test_no_topic_comes_to_be_by_being_written_to(log):
    told = []
    producer = Producer({"bootstrap.servers": log.bootstrap, "message.timeout.ms": 3_000})
    producer.produce("misspelt", b"value", on_delivery=lambda error, _: told.append(error))
    producer.flush(20)
    assert told[0] is not None
    assert "misspelt" not in AdminClient({"bootstrap.servers": log.bootstrap}).list_topics(timeout=10).topics


@pytest.mark.parametrize("timestamp", [2**48, 2**62])
def test_a_moment_that_no_calendar_has_is_refused_to_who_writes_it(log, timestamp):
    told = []
    producer = Producer({"bootstrap.servers": log.bootstrap})
    producer.produce("iot_stream", b"value", timestamp=timestamp, on_delivery=lambda error, _: told.append(error))
    producer.flush(20)
    with pytest.raises(KafkaException, match=r"(?i)timestamp"):
        raise KafkaException(told[0])


def broken(schema, how):
    made = copy.deepcopy(schema)
    field = next(field for field in made["fields"] if field["name"] == "event_time")
    match how:
        case "another type":
            field["type"] = "string"
        case "removed":
            made["fields"].remove(field)
        case "added without a default":
            made["fields"].append({"name": "also", "type": "long"})
    return made


@pytest.mark.parametrize("how", ["another type", "removed", "added without a default"])
def test_the_registry_refuses_a_breaking_change(log, how):
    client = SchemaRegistryClient({"url": log.registry})
    spec = TOPICS["iot_stream"]
    before = client.get_versions(spec.subject)

    class Changed:
        name, subject, schema = spec.name, spec.subject, broken(spec.schema, how)

    with pytest.raises(BreakingChangeError, match="iot_stream"):
        register(client, Changed)
    assert client.get_versions(spec.subject) == before


def test_a_change_that_breaks_with_an_older_version_alone_is_refused_too(log):
    client, subject = SchemaRegistryClient({"url": log.registry}), "grown-value"

    def version(*names):
        fields = [{"name": name, "type": ["null", "long"], "default": None} for name in names]
        return {"type": "record", "name": "Grown", "fields": fields}

    class Grown:
        name = "grown"

    Grown.subject, Grown.schema = subject, version("a")
    register(client, Grown)
    Grown.schema = version("b")
    register(client, Grown)
    # Sound beside the second version, which has no "a"; the first has one of another type.
    Grown.schema = {**version("b"), "fields": [{"name": "a", "type": "string", "default": ""}]}
    with pytest.raises(BreakingChangeError):
        register(client, Grown)
    assert client.get_versions(subject) == [1, 2]


def comparable(value):
    """JSON, moments in ms."""

    def other(value):
        return round(value.timestamp() * 1000) if isinstance(value, datetime) else value.hex()

    return json.loads(json.dumps(value, default=other))


def test_anybody_decodes_every_kind_of_event_with_confluent_kafka_and_the_registry_alone(log):
    codec, read = Codec(log.registry), AvroDeserializer(SchemaRegistryClient({"url": log.registry}))
    assert {TOPIC_OF[type(event)] for event in SAMPLES} == TOPICS.keys()
    for event in SAMPLES:
        record = codec.encode(event)
        found = read(record.value, SerializationContext(record.topic, MessageField.VALUE))
        assert comparable(found) == comparable(plain(event))

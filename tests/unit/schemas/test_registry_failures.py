"""The registry being away is never the record's fault: a good record must not become a dead letter."""

import time

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry._sync import schema_registry_client
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas import codec as codec_module
from schemas.codec import Codec, UndecodableRecord
from schemas.registry import BreakingChangeError, register
from schemas.topics import TOPICS
from tests.unit.schemas.samples import FULL

EVENT = FULL[0]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """No pauses between the client's tries."""
    monkeypatch.setattr(schema_registry_client, "full_jitter", lambda *_: 0)


@pytest.fixture
def value(codec):
    return codec.encode(EVENT).value


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503])
def test_a_registry_that_refuses_is_not_an_undecodable_record(registry, value, status):
    registry.answer = status, '{"error_code": 50001, "message": "no"}'
    with pytest.raises(SchemaRegistryError) as caught:
        Codec(registry.url).decode("iot_stream", value)
    assert caught.value.http_status_code == status


def test_a_registry_that_is_away_is_not_an_undecodable_record(registry, value):
    registry.close()
    with pytest.raises(schema_registry_client.httpx.TransportError):
        Codec(registry.url).decode("iot_stream", value)


def test_a_registry_that_does_not_answer_is_not_waited_for_for_ever(registry, value, monkeypatch):
    monkeypatch.setattr(codec_module, "PATIENCE_S", 0.1)
    monkeypatch.setattr(registry, "reply", lambda *_: (time.sleep(0.5), (200, "{}"))[1])
    with pytest.raises(schema_registry_client.httpx.TimeoutException):
        Codec(registry.url).decode("iot_stream", value)


def test_a_page_where_the_registry_should_be_is_not_an_undecodable_record(registry, value):
    registry.answer = 200, "<html>Welcome</html>"
    _not_the_records_fault(registry, value)


def test_a_wrong_path_is_not_an_undecodable_record(registry, value):
    registry.answer = 404, "<html>Not here</html>"
    _not_the_records_fault(registry, value)


def _not_the_records_fault(registry, value):
    try:
        Codec(registry.url).decode("iot_stream", value)
    except UndecodableRecord:
        raise
    except Exception:  # noqa: BLE001
        return
    pytest.fail("decoded without a registry")


def test_a_registry_that_comes_back_is_asked_again_by_the_same_codec(registry, value):
    codec = Codec(registry.url)
    registry.answer = 500, "{}"
    with pytest.raises(SchemaRegistryError):
        codec.decode("iot_stream", value)
    with pytest.raises(SchemaRegistryError):
        codec.encode(EVENT)
    registry.answer = None
    assert codec.decode("iot_stream", value) == EVENT
    assert codec.encode(EVENT).value == value


def test_the_registry_is_asked_once_for_each_schema(registry):
    codec = Codec(registry.url)
    for _ in range(3):
        record = codec.encode(EVENT)
    for _ in range(3):
        codec.decode("iot_stream", record.value)
    assert len(registry.asked) == len(set(registry.asked)) <= 2


def test_the_codec_registers_nothing(registry):
    registry.ids.pop("iot_stream-value")
    with pytest.raises(SchemaRegistryError):
        Codec(registry.url).encode(EVENT)
    assert not any(path.endswith("/versions") for _, path in registry.asked)


def test_registering_demands_full_compatibility_and_can_be_repeated(registry):
    client = SchemaRegistryClient({"url": registry.url})
    ids = [register(client, TOPICS["iot_stream"]) for _ in range(2)]
    assert ids == [registry.ids["iot_stream-value"]] * 2
    assert registry.levels == {"iot_stream-value": "FULL_TRANSITIVE"}


def test_a_breaking_change_is_refused_by_name(registry):
    registry.schemas[registry.ids["iot_stream-value"]] = '{"type": "record", "name": "Reading", "fields": []}'
    with pytest.raises(BreakingChangeError, match=r"schemas/iot_stream\.avsc breaks FULL_TRANSITIVE.*incompatible"):
        register(SchemaRegistryClient({"url": registry.url}), TOPICS["iot_stream"])


def test_another_failure_of_registering_is_none_of_compatibility(registry):
    registry.answer = 500, '{"error_code": 50001, "message": "no"}'
    with pytest.raises(SchemaRegistryError):
        register(SchemaRegistryClient({"url": registry.url}), TOPICS["iot_stream"])

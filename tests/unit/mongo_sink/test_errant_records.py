import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as Client

from mongo_sink.clients import producer_settings
from mongo_sink.config import ConnectorConfig
from mongo_sink.dead_letters import DeadLetterReporter
from mongo_sink.worker import REGISTRY_AWAY
from mongo_sink.writes import DocumentRefusedError
from schemas.codec import Codec, InvalidEventError, NotAvroError
from schemas.topics import LARGEST_BYTES
from schemas.wire import Origin, Record
from tests.unit.broker import QUIET, first
from tests.unit.schemas.fake_registry import FakeRegistry

ORIGIN = Origin("iot_stream", 2, 17, b"mote-07", 5)
ERROR = NotAvroError("no magic byte")


class Letters:
    """A codec that keeps the events it is to encode."""

    def __init__(self):
        self.events = []

    def encode(self, event):
        self.events.append(event)
        return Record("dead_letters", b"key", b"value", [("stage", b"mongo_sink")], 0)


class Producer:
    """Delivers on flush, with the prepared error."""

    def __init__(self, error=None, room=10):
        self.error, self.room, self.callbacks, self.sent = error, room, [], []

    def produce(self, topic, value, key, on_delivery, headers, **_):
        if len(self.callbacks) == self.room:
            raise BufferError
        self.sent.append(topic)
        self.headers = dict(headers)
        self.callbacks.append(on_delivery)

    def flush(self, timeout):
        for callback in self.callbacks:
            callback(self.error, None)
        self.callbacks = []
        return 0


@pytest.fixture
def letters():
    return Letters()


def reporter(letters, producer, settled=None, **properties):
    plain = {
        "name": "readings",
        "connector.class": "MongoSinkConnector",
        "topics": "iot_stream",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead_letters",
    }
    config = ConnectorConfig.of(plain | properties)
    return DeadLetterReporter(config, letters, lambda: producer, settled)


def test_a_bad_record_becomes_a_letter_with_its_bytes_and_place(letters):
    producer = Producer()
    made = reporter(letters, producer)
    made.report(ORIGIN, b"bytes", ERROR)
    made.flush()
    (letter,) = letters.events
    assert letter.letter_id == "mongo_sink/iot_stream/2/17"
    assert (letter.origin_key, letter.original, letter.error_class) == (b"mote-07", b"bytes", "NotAvroError")
    assert producer.sent == ["dead_letters"]
    assert made.count == 1


def test_a_bad_letter_is_counted_and_makes_no_letter(letters, caplog):
    made = reporter(letters, Producer())
    made.report(ORIGIN._replace(topic="dead_letters"), b"bytes", ERROR)
    made.flush()
    assert (letters.events, made.count) == ([], 1)
    assert "dead_letters/2/17 is passed over" in caplog.text


def test_tolerating_none_the_task_fails(letters):
    with pytest.raises(NotAvroError):
        reporter(letters, Producer(), **{"errors.tolerance": "none"}).report(ORIGIN, b"", ERROR)


def test_a_letter_that_is_not_delivered_keeps_the_offsets_from_being_committed(letters):
    made = reporter(letters, Producer(KafkaError(KafkaError._MSG_TIMED_OUT)))
    made.report(ORIGIN, b"bytes", ERROR)
    with pytest.raises(KafkaException):
        made.flush()


def test_a_flood_of_letters_waits_for_room(letters):
    producer = Producer(room=3)
    made = reporter(letters, producer)
    for offset in range(10):
        made.report(ORIGIN._replace(offset=offset), b"bytes", ERROR)
    made.flush()
    assert len(producer.sent) == 10


@pytest.mark.parametrize("size", [600_000, LARGEST_BYTES])
def test_any_record_that_the_log_took_gets_a_letter(broker, size):
    """With what it quotes of key and value in message, headers and stack trace."""
    registry = FakeRegistry()
    codec, producer = Codec(registry.url), Client(producer_settings(broker) | QUIET)
    made = reporter(codec, producer, **{"errors.deadletterqueue.context.headers.enable": "true"})
    key, value = bytes(range(1, 251)) * (size // 250), bytes(size)
    error = InvalidEventError(f"record key {key!r} is not the event's {value!r}")
    made.report(ORIGIN._replace(key=key), value, error)
    made.flush()
    message = first(broker, "dead_letters")
    letter = codec.decode("dead_letters", message.value(), message.key())
    headers = dict(message.headers())
    registry.close()
    assert letter.letter_id == "mongo_sink/iot_stream/2/17"
    assert letter.error_message.startswith("record key b'")
    cut = f"({len(str(error))} characters)"
    assert cut in letter.error_message
    assert cut in headers["__connect.errors.exception.message"].decode()
    if size == LARGEST_BYTES:
        assert f"the key, {len(key)} bytes" in letter.error_message
        assert f"the original, {size} bytes" in letter.error_message
        assert (letter.origin_key, letter.original) == (None, b"")
    else:
        assert (letter.origin_key, letter.original) == (key, value)


def test_a_replay_writes_no_letter_again_that_the_sink_wrote(letters):
    made = reporter(letters, Producer(), settled={("iot_stream", 2): 18})
    made.report(ORIGIN, b"bytes", ERROR)
    made.report(ORIGIN._replace(offset=18), b"bytes", ERROR)
    assert [letter.origin_offset for letter in letters.events] == [18]


def test_the_headers_of_a_letter_say_what_kafka_connects_would(letters):
    producer = Producer()
    made = reporter(letters, producer, **{"errors.deadletterqueue.context.headers.enable": "true"})
    made.report(ORIGIN, b"bytes", ERROR)
    prefix = "__connect.errors."
    said = {name[len(prefix) :]: value.decode() for name, value in producer.headers.items() if name.startswith(prefix)}
    assert "NotAvroError: no magic byte" in said.pop("exception.stacktrace")
    assert said == {
        "stage": "VALUE_CONVERTER",
        "topic": "iot_stream",
        "partition": "2",
        "offset": "17",
        "connector.name": "readings",
        "task.id": "0",
        "class.name": "schemas.codec.Codec",
        "exception.class.name": "schemas.codec.NotAvroError",
        "exception.message": "no magic byte",
    }
    assert producer.headers["stage"] == b"mongo_sink"
    made.report(ORIGIN, b"bytes", DocumentRefusedError("121: not valid"))
    assert producer.headers["__connect.errors.stage"] == b"TASK_PUT"


def test_without_being_told_to_a_letter_has_no_headers_but_its_own(letters):
    producer = Producer()
    reporter(letters, producer).report(ORIGIN, b"bytes", ERROR)
    assert list(producer.headers) == ["stage"]


def test_the_log_tells_more_of_a_record_where_it_is_to(letters, caplog):
    more = {"errors.log.enable": "true", "errors.log.include.messages": "true"}
    reporter(letters, Producer(), **more).report(ORIGIN, b"these bytes", ERROR)
    assert "these bytes" in caplog.text
    assert caplog.records[0].exc_info[1] is ERROR


def test_mongo_errors_tolerance_is_of_what_mongodb_refuses(letters):
    made = reporter(letters, Producer(), **{"mongo.errors.tolerance": "none"})
    made.report(ORIGIN, b"bytes", ERROR)
    with pytest.raises(DocumentRefusedError):
        made.report(ORIGIN, b"bytes", DocumentRefusedError("121: not valid"))


def test_a_registry_that_is_away_is_known_for_what_it_is():
    with pytest.raises(REGISTRY_AWAY):
        Codec("http://127.0.0.1:9").decode("iot_stream", b"\0\0\0\0\1abc")

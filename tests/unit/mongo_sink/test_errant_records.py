import pytest
from confluent_kafka import KafkaError, KafkaException

from mongo_sink.config import ConnectorConfig
from mongo_sink.dead_letters import LONGEST_ORIGINAL, DeadLetterReporter
from mongo_sink.worker import REGISTRY_AWAY
from schemas.codec import Codec, NotAvroError
from schemas.wire import Origin, Record

ORIGIN = Origin("iot_stream", 2, 17, b"mote-07", 5)
ERROR = NotAvroError("no magic byte")


class Letters:
    """A codec that keeps the events it is to encode."""

    def __init__(self):
        self.events = []

    def encode(self, event):
        self.events.append(event)
        return Record("dead_letters", b"key", b"value", [], 0)


class Producer:
    """Delivers on flush, with the prepared error."""

    def __init__(self, error=None, room=10):
        self.error, self.room, self.callbacks, self.sent = error, room, [], []

    def produce(self, topic, value, key, on_delivery, **_):
        if len(self.callbacks) == self.room:
            raise BufferError
        self.sent.append(topic)
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


def test_a_record_too_long_for_a_letter_is_named_by_its_place(letters):
    reporter(letters, Producer()).report(ORIGIN, bytes(LONGEST_ORIGINAL + 1), ERROR)
    (letter,) = letters.events
    assert letter.original == b""
    assert "too long for a letter" in letter.error_message


def test_a_replay_writes_no_letter_again_that_the_sink_wrote(letters):
    made = reporter(letters, Producer(), settled={("iot_stream", 2): 18})
    made.report(ORIGIN, b"bytes", ERROR)
    made.report(ORIGIN._replace(offset=18), b"bytes", ERROR)
    assert [letter.origin_offset for letter in letters.events] == [18]


def test_a_registry_that_is_away_is_known_for_what_it_is():
    with pytest.raises(REGISTRY_AWAY):
        Codec("http://127.0.0.1:9").decode("iot_stream", b"\0\0\0\0\1abc")

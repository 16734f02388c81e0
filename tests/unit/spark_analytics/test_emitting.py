from schemas.codec import Codec
from schemas.topics import LARGEST_BYTES
from schemas.wire import LONGEST_KEY, LONGEST_ORIGINAL, Origin, dead_letter
from spark_analytics.emitting import emit
from tests.unit.broker import broker, first
from tests.unit.schemas.fake_registry import FakeRegistry


def test_the_largest_letter_there_is_can_be_written():
    registry = FakeRegistry()
    origin = Origin("iot_stream", 0, 7, bytes(LONGEST_KEY))
    letter = dead_letter("stage", origin, bytes(LONGEST_ORIGINAL), ValueError("x" * LARGEST_BYTES))
    with broker() as bootstrap:
        assert emit([letter], bootstrap, registry.url) == 1
        message = first(bootstrap, "dead_letters")
    assert Codec(registry.url).decode("dead_letters", message.value(), message.key()) == letter
    registry.close()

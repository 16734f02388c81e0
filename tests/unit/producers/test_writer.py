from producers.outgoing import Outgoing
from producers.writer import Writer
from schemas.codec import Codec
from schemas.topics import LARGEST_BYTES
from schemas.wire import LONGEST_KEY, LONGEST_ORIGINAL, Origin, dead_letter
from tests.unit.broker import broker, first
from tests.unit.schemas.fake_registry import FakeRegistry


def test_the_largest_letter_there_is_can_be_written():
    registry = FakeRegistry()
    codec, origin = Codec(registry.url), Origin("own", -1, 7, bytes(LONGEST_KEY))
    letter = dead_letter("producers", origin, bytes(LONGEST_ORIGINAL), ValueError("x" * LARGEST_BYTES))
    with broker() as bootstrap:
        writer = Writer(bootstrap, codec)
        assert writer.write(Outgoing(letter, 2, 0))
        assert writer.flush(30) == 0
        message = first(bootstrap, "dead_letters")
    assert message.partition() == 2
    assert codec.decode("dead_letters", message.value(), message.key()) == letter
    registry.close()

from threading import Event as Signal

import pytest

from mongo_sink.mongo_client import write_concern
from mongo_sink.rate_limit import RateLimit


class Pauses(Signal):
    """Remembers for how long it was waited for."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return True


@pytest.mark.parametrize(("every", "pauses"), [(0, 0), (1, 7), (3, 2), (8, 0)])
def test_every_so_many_batches_there_is_a_pause(every, pauses):
    stopping = Pauses()
    limit = RateLimit(250, every, stopping)
    for _ in range(7):
        limit.batch_written()
    assert stopping.seconds == [0.25] * pauses


@pytest.mark.parametrize(
    ("uri", "concern"),
    [
        ("mongodb://a,b/?replicaSet=x", {"w": "majority", "journal": True}),
        ("mongodb://a/?w=1", {"journal": True}),
        ("mongodb://a/?w=0", {}),
        ("mongodb://a/?journal=false", {"w": "majority"}),
        ("mongodb+srv://a/db?W=2&J=true", {}),
    ],
)
def test_what_the_uri_leaves_open_of_the_write_concern_is_safe(uri, concern):
    assert write_concern(uri) == concern

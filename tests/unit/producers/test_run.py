import time

from producers.outgoing import Partitions, announcements
from producers.progress import Progress
from producers.resume import BARRIER, Resumption
from producers.run import Pace, Stop, announce, run
from schemas.events import Reading
from schemas.positions import moves

FRESH = Resumption(0, 0, (-1,) * 4)
PARTITIONS = Partitions(4, 4)


class Memory:
    """A writer that keeps what it gets; its queue is full now and then."""

    def __init__(self, stop: Stop | None = None, after: int = 0):
        self.events, self.flushed_at, self.refused, self.stop, self.after = [], [], 0, stop, after

    def write(self, event):
        if len(self.events) % 100 == 50 and self.refused < len(self.events) // 50:
            self.refused += 1
            return False
        self.events.append(event)
        if self.stop and len(self.events) == self.after:
            self.stop.asked = True
        return True

    def wait(self, seconds):
        time.sleep(min(seconds, 0.001))

    def flush(self, seconds):
        self.flushed_at.append(len(self.events))
        return 0


def replay(data, writer, pace, stop=None):
    with Progress(data.name, 0) as progress:
        run(writer, data, FRESH, set(), PARTITIONS, pace, progress, stop or Stop())
    return writer.events


def test_a_full_queue_loses_nothing(small):
    events = replay(small, writer := Memory(), Pace(None, 1))
    assert writer.refused > 10
    assert len(events) == len(small.rows)


def test_where_devices_are_is_on_the_log_before_anything_else():
    placed = moves({}, {f"mote-{n}": (float(n), 0.0) for n in range(300)}, "test", "a file")
    announce(writer := Memory(), announcements(placed, 4), Stop())
    assert writer.refused > 2
    assert [sent.event for sent in writer.events] == placed
    assert {sent.partition for sent in writer.events} == set(range(4))
    assert writer.flushed_at[-1] == len(placed)


def test_it_flushes_at_every_barrier_and_at_the_end(small):
    laps = 2 * BARRIER // len(small.rows) + 1
    events = replay(small, writer := Memory(), Pace(None, laps))
    barriers = [at for at in writer.flushed_at if at < len(events)]
    before = [sum(1 for e in events[:at] if isinstance(e.event, Reading)) for at in barriers]
    firsts = [events[at].event for at in barriers]
    assert len(barriers) >= 3
    assert all(event.position % BARRIER < 50 for event in firsts if isinstance(event, Reading))
    assert before == sorted(before)
    assert writer.flushed_at[-1] == len(events)


def test_events_wait_until_they_are_due(small):
    stop = Stop()
    began = time.monotonic()
    events = replay(small, Memory(stop, after=40), Pace(1200.0, None), stop)
    expected = (events[-1].moment - events[0].moment) / 1000 / 1200
    assert expected > 0.05
    assert expected <= time.monotonic() - began < expected + 30


def test_told_to_stop_it_stops_and_flushes(small):
    stop = Stop()
    events = replay(small, writer := Memory(stop, after=123), Pace(None, None), stop)
    assert len(events) == 123
    assert writer.flushed_at[-1] == 123

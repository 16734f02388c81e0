"""A batch that takes long, while the group takes partitions and gives some. The consumer gives what is not paused."""

from threading import Event as Signal

import pytest
from confluent_kafka import TopicPartition

from mongo_sink import writing
from mongo_sink.writing import Writing
from tests.unit.mongo_sink.messages import Message

TOPIC = "iot_stream"


def names(places):
    return {place.partition for place in places}


class Consumer:
    """Assigned partitions, each with records without end; ``rebalances`` are called one a poll, before it."""

    def __init__(self, *partitions):
        self.offsets, self.rebalances = {}, []
        self.assign(*partitions)

    def assign(self, *partitions):
        """As librdkafka does: nothing of what is assigned anew is paused, though it was before."""
        self.paused = set()
        self.offsets = {partition: self.offsets.get(partition, 0) for partition in partitions}

    def assignment(self):
        return [TopicPartition(TOPIC, partition) for partition in self.offsets]

    def pause(self, places):
        assert names(places) <= self.offsets.keys(), "what is not assigned cannot be paused"
        self.paused |= names(places)

    def resume(self, places):
        assert names(places) <= self.offsets.keys(), "nor resumed"
        self.paused -= names(places)

    def consume(self, most, seconds):
        if self.rebalances:
            self.rebalances.pop(0)()
        came = []
        for partition in sorted(self.offsets.keys() - self.paused, reverse=True):
            while len(came) < most:
                came.append(Message(TOPIC, self.offsets[partition], partition=partition))
                self.offsets[partition] += 1
        return came


@pytest.fixture
def consumer():
    return Consumer(0, 1)


@pytest.fixture
def task(consumer, monkeypatch):
    monkeypatch.setattr(writing, "LONG_SECONDS", 0.01)
    monkeypatch.setattr(writing, "REVOKED_SECONDS", 0.01)
    made = Writing(consumer, "readings-0")
    yield made
    made.close()


def wait_for(task, consumer, *rebalances, more=3):
    """Have a batch written that takes as long as the group has something to say, and ``more`` polls."""
    written, polls = Signal(), iter(range(len(rebalances) + more))
    plain = consumer.consume

    def consume(most, seconds):
        came = plain(most, seconds)
        if next(polls, None) is None:
            written.set()
        return came

    consumer.consume, consumer.rebalances = consume, list(rebalances)
    task.begin(lambda: written.wait(30) and {(TOPIC, 0): 7})
    held = task.end()
    consumer.consume = plain
    return held


def places(messages):
    return [(message.partition(), message.offset()) for message in messages]


def test_a_quick_batch_pauses_nothing(task, consumer):
    consumer.pause = None  # is not called
    assert task.end() == {}
    task.begin(lambda: {(TOPIC, 0): 7})
    assert task.end() == {(TOPIC, 0): 7}
    assert task.met(10) == []


def test_what_writing_raises_is_told_once(task):
    task.begin(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        task.end()
    assert task.end() == {}


def test_a_slow_batch_pauses_what_is_assigned_and_resumes_it(task, consumer):
    assert wait_for(task, consumer) == {(TOPIC, 0): 7}
    assert task.met(10) == []
    assert consumer.paused == set()
    assert len(consumer.consume(5, 0)) == 5


def test_partitions_that_are_given_meanwhile_are_paused_too(task, consumer):
    wait_for(task, consumer, lambda: consumer.assign(0, 1, 2), more=20)
    assert places(task.met(10)) == [(2, 0)]
    assert consumer.paused == set()


def test_what_was_met_is_handed_on_in_its_order_and_no_more_than_a_batch_at_once(task, consumer):
    # Each time it is assigned anew, one record slips through.
    wait_for(task, consumer, *[lambda: consumer.assign(2)] * 5)
    assert places(task.met(2)) == [(2, 0), (2, 1)]
    wait_for(task, consumer, lambda: consumer.assign(2))
    assert [places(task.met(3)) for _ in range(3)] == [[(2, 2), (2, 3), (2, 4)], [(2, 5)], []]


def test_only_what_is_still_assigned_is_resumed_and_what_was_met_of_the_rest_is_dropped(task, consumer):
    def taken():
        task.revoked(consumer, [TopicPartition(TOPIC, 2), TopicPartition(TOPIC, 1)])
        consumer.assign(0, 3)

    wait_for(task, consumer, lambda: consumer.assign(0), lambda: consumer.assign(0, 1, 2), taken)
    assert places(task.met(10)) == [(0, 0), (3, 0)]
    assert consumer.paused == set()

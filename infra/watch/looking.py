"""Looks at the log of a running system, one after the other."""

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.settings import Settings
from infra.watch.history import Sample
from schemas.codec import Codec, UndecodableRecord
from schemas.events import Prediction
from schemas.topics import TOPICS

MOST = 1_000
"""Predictions that are decoded at a look; of more, the newest."""
ANSWER_S = 5.0
QUIET_S = 0.2
Ends = dict[tuple[str, int], int]


class Looker:
    """What it takes to look again and again.

    Args:
        settings: of the system.
    """

    def __init__(self, settings: Settings) -> None:
        self._admin = AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 0})
        self._codec = Codec(settings.registry)
        self._consumer = Consumer(
            {"bootstrap.servers": settings.bootstrap, "group.id": "watch", "enable.auto.commit": False, "log_level": 0}
        )
        self._seen: Ends = {}
        self._reached: dict[str, int] = {}
        self._model: dict[str, str] = {}

    def look(self) -> Sample:
        """One look.

        Raises:
            KafkaException: Kafka does not answer.
        """
        places = [TopicPartition(topic, p) for topic, spec in TOPICS.items() for p in range(spec.partitions)]
        answers = self._admin.list_offsets({place: OffsetSpec.latest() for place in places}, request_timeout=ANSWER_S)
        ends = {(place.topic, place.partition): answer.result().offset for place, answer in answers.items()}
        totals = {topic: sum(end for (name, _), end in ends.items() if name == topic) for topic in TOPICS}
        predictions = list(self._since(ends))
        return Sample(time.monotonic(), totals, dict(self._reached), self._lags(ends), dict(self._model), predictions)

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def _since(self, ends: Ends) -> Iterator[Prediction]:
        """Predictions since the last look; notes what else is new."""
        for message in self._messages(ends):
            topic = message.topic()
            self._reached[topic] = max(self._reached.get(topic, 0), message.timestamp()[1])
            headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or []}
            if topic == "global_models" and int(headers.get("version", 0)) > int(self._model.get("version", 0)):
                self._model = headers
            if topic == "predictions":
                try:
                    yield self._codec.decode(topic, message.value())
                except UndecodableRecord:
                    continue  # the stages have a letter of it

    def _messages(self, ends: Ends) -> Iterator[Message]:
        """New records: of predictions many, of all else the last of each partition."""
        starts = {}
        for (topic, partition), end in ends.items():
            most = MOST // TOPICS[topic].partitions if topic == "predictions" else 1
            starts[topic, partition] = max(end - most, self._seen.get((topic, partition), 0))
        self._seen = ends
        left = {place: ends[place] - first for place, first in starts.items() if first < ends[place]}
        self._consumer.assign([TopicPartition(*place, starts[place]) for place in left])
        deadline = time.monotonic() + ANSWER_S
        while left and time.monotonic() < deadline:
            for message in self._consumer.consume(MOST, QUIET_S):
                place = message.topic(), message.partition()
                if message.error() or place not in left:
                    continue
                if message.offset() < ends[place]:
                    yield message
                if message.offset() >= ends[place] - 1:
                    del left[place]

    def _lags(self, ends: Ends) -> dict[str, int]:
        """Of each group that commits offsets of these topics."""
        lags = {}
        for group in self._admin.list_consumer_groups(request_timeout=ANSWER_S).result().valid:
            asked = [ConsumerGroupTopicPartitions(group.group_id)]
            answer = self._admin.list_consumer_group_offsets(asked, request_timeout=ANSWER_S)[group.group_id].result()
            committed = {(each.topic, each.partition): each.offset for each in answer.topic_partitions}
            known = {place: offset for place, offset in committed.items() if offset >= 0 and place in ends}
            if known:
                lags[group.group_id] = sum(ends[place] - offset for place, offset in known.items())
        return dict(sorted(lags.items()))

"""The aggregator's side: plans out, parts in; what nobody answers in time is done here."""

import logging
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from aggregator_stream.workers.plans import Asked, PlanError, here, part_of, plans
from forecaster.config import Config
from forecaster.strategies import Part, merged
from schemas.codec import Codec, UndecodableRecord
from schemas.events import WindowPart, WindowPlan
from schemas.log_lines import handling
from schemas.topics import LARGEST_PART_BYTES, TOPICS
from schemas.wire import place_id

logger = logging.getLogger(__name__)

PLANS, PARTS = "window_plans", "window_parts"
PATIENCE_S = 30.0
"""For a worker's answer: longer than the group takes to give a dead worker's partitions to another."""


class Asking:
    """Has workers sum windows up (``plans.Gather``); it blocks until all of a window has been.

    Nothing is decided here, so nothing is kept: a window that is closed again after a crash is asked for again.
    """

    def __init__(
        self,
        config: Config,
        bootstrap: str,
        codec: Codec,
        counted: Callable[[str], None] = lambda by: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """``counted`` is told of every part by whom it was summed up, ``worker`` or ``here``."""
        self._config, self._codec, self._counted, self._patience_s = config, codec, counted, patience_s
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "message.max.bytes": LARGEST_PART_BYTES, "acks": "all"}
        )
        options = {"bootstrap.servers": bootstrap, "group.id": "aggregator-parts", "enable.auto.commit": False}
        self._consumer = Consumer(options)
        # From the end there is now: what was answered to a predecessor is asked for again.
        places = [TopicPartition(PARTS, partition) for partition in range(TOPICS[PARTS].partitions)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        self._consumer.assign(places)

    def __call__(self, asked: Asked) -> Part:
        """What the window comes to.

        Raises:
            KafkaException: Kafka takes no plans, or gives no parts.
        """
        wanted = {plan.plan_id: plan for plan in plans(self._config, asked)}
        for plan in wanted.values():
            record = self._codec.encode(plan)
            self._producer.produce(record.topic, record.value, record.key, plan.partition, headers=record.headers)
        if left := self._producer.flush(self._patience_s):
            logger.warning("%d plans of version %d were not taken", left, asked.version)
        parts = self._answers(wanted, len(asked.parent))
        late = [plan.partition for name, plan in wanted.items() if name not in parts]
        for by, count in (("worker", len(parts)), ("here", len(late))):
            for _ in range(count):
                self._counted(by)
        if late:
            logger.warning("version %d: no worker has summed up partitions %s, so it is done here", asked.version, late)
            return merged([*parts.values(), here(self._config, asked, late)])
        return merged(parts.values())

    def _answers(self, wanted: dict[str, WindowPlan], size: int) -> dict[str, Part]:
        parts: dict[str, Part] = {}
        deadline = time.monotonic() + self._patience_s
        while parts.keys() != wanted.keys() and (left := deadline - time.monotonic()) > 0:
            message = self._consumer.poll(left)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            try:
                answered = self._codec.decode(PARTS, message.value())
                assert isinstance(answered, WindowPart)
                if answered.plan_id in wanted:
                    parts[answered.plan_id] = part_of(wanted[answered.plan_id], answered, size)
            except (UndecodableRecord, PlanError) as error:
                with handling(place_id(PARTS, message.partition(), message.offset())):
                    logger.error("%s/%d/%d: %s", PARTS, message.partition(), message.offset(), error)
        return parts

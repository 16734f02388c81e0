"""A worker: a Faust agent that reads plans, sums their members up and answers. It keeps nothing.

A plan is committed once its part is on the log; a worker that ends before leaves it to another, whose answer is the
same to the byte. One that nobody waits for any more is passed over.
"""

import asyncio
import logging
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import faust
from confluent_kafka import Consumer, KafkaException, TopicPartition
from faust.types import EventT
from mode import CrashingSupervisor

from aggregator_stream import consuming
from aggregator_stream.workers import asking
from aggregator_stream.workers.asking import PARTS, PLANS
from aggregator_stream.workers.plans import PlanError, answer
from forecaster.config import Config
from schemas.codec import Codec
from schemas.events import DeadLetter, LocalUpdate, WindowPart, WindowPlan
from schemas.topics import LARGEST_PART_BYTES
from schemas.wire import is_mark

logger = logging.getLogger(__name__)

GROUP = "fedlog-aggregator-workers"
STAGE = "aggregator_stream.workers"
UPDATES = "local_updates"
PATIENCE_S = 20.0
"""For the updates of a plan."""


def create(config: Config, bootstrap: str, registry: str, folder: Path, session_s: int = 6) -> faust.App:
    """The app of one worker; as many as there are partitions can share the work.

    Args:
        config: of the learning core.
        bootstrap: Kafka, host:port.
        registry: URL of the registry's Confluent API.
        folder: for Faust's own files; not shared by workers.
        session_s: after which a killed worker's partitions go to another, s.
    """
    codec = Codec(registry)
    app = consuming.app(GROUP, bootstrap, folder, session_s, LARGEST_PART_BYTES, broker_commit_interval=0.5)
    topics = consuming.topics(app, (PLANS, PARTS, "dead_letters"))

    @app.agent(topics[PLANS], name="sum up", supervisor_strategy=CrashingSupervisor)
    async def sum_up(stream: Any) -> None:
        # Acknowledged by hand: Faust would take a plan for done whose answer it was told to leave.
        async for event in stream.noack().events():
            message = event.message
            if time.time() - message.timestamp < asking.PATIENCE_S:
                made = await asyncio.to_thread(_answered, config, codec, bootstrap, event)
                record = codec.encode(made)
                sent = await topics[record.topic].send(key=record.key, value=record.value, headers=dict(record.headers))
                await sent
            event.ack()

    return app


def _answered(config: Config, codec: Codec, bootstrap: str, event: EventT[Any]) -> WindowPart | DeadLetter:
    """The answer to a plan, or a letter for one that has none; blocks.

    Raises:
        KafkaException: Kafka does not give the updates.
    """
    message = event.message
    try:
        plan: Any = codec.decode(PLANS, message.value, message.key)
        part = answer(config, plan, _updates(bootstrap, codec, plan))
    except (ValueError, TimeoutError) as error:
        return consuming.letter(STAGE, PLANS, event, error)
    logger.info("%s: %d members", plan.plan_id, len(plan.summands), extra={"event_id": plan.plan_id})
    return part


def _updates(bootstrap: str, codec: Codec, plan: WindowPlan) -> dict[int, LocalUpdate]:
    """The updates that lie where the plan says, as far as there are any; blocks.

    Raises:
        PlanError: it has no members, or its partition does not reach so far.
        KafkaException: Kafka does not give them.
        TimeoutError: not in time.
    """
    offsets = {summand.offset for summand in plan.summands}
    found: dict[int, LocalUpdate] = {}
    options = {"bootstrap.servers": bootstrap, "group.id": "aggregator-worker-updates", "enable.auto.commit": False}
    with closing(Consumer(options)) as consumer:
        place = TopicPartition(UPDATES, plan.partition, min(offsets, default=0))
        low, high = consumer.get_watermark_offsets(place, timeout=10)
        if not offsets or place.offset < low or max(offsets) >= high:
            raise PlanError(f"{plan.plan_id}: its members are not in {UPDATES}/{plan.partition}/{low}..{high - 1}")
        consumer.assign([place])
        at = -1
        while at < max(offsets):
            message = consumer.poll(PATIENCE_S)
            if message is None:
                raise TimeoutError(f"{UPDATES}/{plan.partition}/{max(offsets)} did not come within {PATIENCE_S:.0f} s")
            if message.error():
                raise KafkaException(message.error())
            at = message.offset()
            if at in offsets and not is_mark(UPDATES, message.value()):
                found[at] = codec.decode(UPDATES, message.value(), message.key())
    return found

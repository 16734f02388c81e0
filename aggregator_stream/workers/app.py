"""A worker: a Faust agent that reads plans, sums their members up and answers. It keeps nothing.

A plan is committed once its part is on the log; a worker that is killed before leaves it to another, whose answer is
the same to the byte.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import faust
from confluent_kafka import Consumer, KafkaException, TopicPartition
from mode import CrashingSupervisor

from aggregator_stream.workers.asking import PARTS, PLANS
from aggregator_stream.workers.plans import PlanError, answer
from forecaster.config import Config
from forecaster.weights import WeightsError
from schemas.codec import Codec, UndecodableRecord
from schemas.events import LocalUpdate
from schemas.topics import LARGEST_BYTES
from schemas.wire import Origin, dead_letter, is_mark

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
    app = faust.App(
        GROUP,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        broker_commit_interval=0.5,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 4,
        producer_acks=-1,
        producer_max_request_size=LARGEST_BYTES,
        web_enabled=False,
    )
    topics = {
        name: app.topic(name, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
        for name in (PLANS, PARTS, "dead_letters")
    }

    @app.agent(topics[PLANS], name="sum up", supervisor_strategy=CrashingSupervisor)
    async def sum_up(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            try:
                plan: Any = codec.decode(PLANS, message.value, message.key)
                offsets = [summand.offset for summand in plan.summands]
                updates = await asyncio.to_thread(_updates, bootstrap, codec, plan.partition, offsets)
                made: Any = await asyncio.to_thread(answer, config, plan, updates)
                logger.info("%s: %d members", plan.plan_id, len(plan.summands))
            except (UndecodableRecord, PlanError, WeightsError, ValueError) as error:
                logger.error("%s/%d/%d: %s", PLANS, message.partition, message.offset, error)
                at = int(message.timestamp * 1000)
                origin = Origin(PLANS, message.partition, message.offset, message.key, at)
                made = dead_letter(STAGE, origin, message.value or b"", error)
            record = codec.encode(made)
            sent = await topics[record.topic].send(key=record.key, value=record.value, headers=dict(record.headers))
            await sent

    return app


def _updates(bootstrap: str, codec: Codec, partition: int, offsets: Iterable[int]) -> dict[int, LocalUpdate]:
    """The updates that lie at ``offsets`` of a partition, as far as there are any; blocks.

    Raises:
        KafkaException: Kafka does not give them.
        TimeoutError: not in time.
    """
    wanted = sorted(set(offsets))
    found: dict[int, LocalUpdate] = {}
    options = {"bootstrap.servers": bootstrap, "group.id": "aggregator-worker-updates", "enable.auto.commit": False}
    with closing(Consumer(options)) as consumer:
        consumer.assign([TopicPartition(UPDATES, partition, wanted[0])])
        last = wanted[-1]
        at = -1
        while at < last:
            message = consumer.poll(PATIENCE_S)
            if message is None:
                raise TimeoutError(f"{UPDATES}/{partition}/{last} did not come within {PATIENCE_S:.0f} s")
            if message.error():
                raise KafkaException(message.error())
            at = message.offset()
            if at in offsets and not is_mark(UPDATES, message.value()):
                found[at] = codec.decode(UPDATES, message.value(), message.key())
    return found

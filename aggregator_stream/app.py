"""The Faust app: records in, the window fold, records out.

In this order, for every update:

1. Read it. The group's committed offsets are never moved: where to read on is in ``global_models`` itself.
2. Fold it; windows may close.
3. Send their models and wait until Kafka has acknowledged all replicas.
4. Only then take the new state. A crash before this point repeats 1–3 from the log, with the same result.
"""

import logging
from pathlib import Path
from typing import Any

import faust
from faust.types import EventT
from mode import CrashingSupervisor

from aggregator_stream import history
from aggregator_stream.restore import restore
from aggregator_stream.state import Located, Mark, Rules
from aggregator_stream.windows import step
from schemas.codec import Codec
from schemas.events import DeadLetter, GlobalModel, LocalUpdate
from schemas.wire import WATERMARK, Origin, dead_letter, is_mark, iso

logger = logging.getLogger(__name__)

GROUP = "fedlog-aggregator"
STAGE = "aggregator_stream"
TOPIC = "local_updates"


def create(rules: Rules, bootstrap: str, registry: str, port: int, folder: Path) -> faust.App:
    """The app, its state restored from the log and its group set to read on from there."""
    codec = Codec(registry)
    state = restore(rules, history.read(bootstrap, codec, rules.partitions))
    history.seek(bootstrap, GROUP, TOPIC, state.positions, rules.partitions)
    logger.info("goes on after version %d, from %s", state.version, dict(state.positions) or "the beginning")

    app = faust.App(
        GROUP,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        # A killed worker's place in the group is free again after this long (s).
        broker_session_timeout=10,
        broker_heartbeat_interval=3,
        producer_acks=-1,
        web_bind="127.0.0.1",
        web_host="127.0.0.1",
        web_port=port,
    )
    topics = {
        name: app.topic(name, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
        for name in (TOPIC, "global_models", "dead_letters")
    }

    async def send(event: GlobalModel | DeadLetter) -> None:
        record = codec.encode(event)
        sent = await topics[record.topic].send(
            key=record.key, value=record.value, headers=dict(record.headers), timestamp=record.timestamp / 1000
        )
        await sent

    # State that may be behind the log must not go on: an error ends the process, which starts again from the log.
    @app.agent(topics[TOPIC], name="aggregate", supervisor_strategy=CrashingSupervisor)
    async def aggregate(stream: Any) -> None:
        nonlocal state
        async for event in stream.noack().events():
            record = _record(codec, event)
            if isinstance(record, DeadLetter):
                await send(record)
                continue
            after, models = step(rules, state, record)
            for model in models:
                await send(model)
                shares = sum(c.outcome == "accepted" for c in model.contributions)
                logger.info("version %d: window to %s, %d contributors", model.version, iso(model.window_end), shares)
            state = after

    @app.page("/health")
    async def health(web: Any, request: Any) -> Any:
        return web.json({"version": state.version, "pending": len(state.pending)})

    return app


def _record(codec: Codec, event: EventT[Any]) -> Located | Mark | DeadLetter:
    """What a record says, or the letter for one that says nothing."""
    message = event.message
    headers = dict(message.headers or ())
    try:
        if is_mark(TOPIC, message.value) and WATERMARK in headers:
            return Mark(message.partition, message.offset, int(headers[WATERMARK]))
        update = codec.decode(TOPIC, message.value, message.key)
        # One written before the first watermark says nothing about what else is there.
        watermark = int(headers.get(WATERMARK, 0))
    except ValueError as error:
        origin = Origin(TOPIC, message.partition, message.offset, message.key, int(message.timestamp * 1000))
        return dead_letter(STAGE, origin, message.value or b"", error)
    assert isinstance(update, LocalUpdate)
    return Located(update, message.partition, message.offset, watermark)

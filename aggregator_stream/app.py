"""The Faust app: records in, the window fold, records out, and the API beside it.

In this order, for every update:

1. ``read``: it is read. The group's committed offsets are never moved: where to read on is in ``global_models`` itself.
2. ``closed``: it is folded, and a window has closed.
3. ``sent``: its model is sent, and Kafka has acknowledged all replicas; only then the state behind it is taken. These
   two for each window that closes.
4. ``taken``: the record is behind us. A crash before this point repeats 1–3 from the log, but for what has been sent,
   and comes to the same.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.types import EventT
from mode import CrashingSupervisor

from aggregator_stream import consuming, fetching, history
from aggregator_stream.aggregation import Aggregation
from aggregator_stream.catalogue import Placed
from aggregator_stream.fold.commands import CommandError
from aggregator_stream.fold.restore import Decided
from aggregator_stream.fold.state import End, Located, Mark, Order, Rules, Skipped
from aggregator_stream.http.api import create as create_api
from aggregator_stream.http.board import Board, LogUnavailableError
from aggregator_stream.http.server import serve
from aggregator_stream.workers.asking import Asking
from schemas.codec import Codec, UndecodableRecord
from schemas.events import DeadLetter, GlobalModel, LocalUpdate
from schemas.topics import LARGEST_BYTES
from schemas.wire import WATERMARK, is_mark

logger = logging.getLogger(__name__)

GROUP = "fedlog-aggregator"
STAGE = "aggregator_stream"
TOPIC, COMMANDS = "local_updates", "model_commands"
HOST = "127.0.0.1"
LOOK_S = 1.0
"""Between two looks at where partitions end that nobody marks."""


def create(
    rules: Rules,
    bootstrap: str,
    registry: str,
    port: int,
    folder: Path,
    token: str | None = None,
    passing: Callable[[str], None] = lambda step: None,
    session_s: int = 10,
    workers: bool = False,
) -> faust.App:
    """The app, its state restored from the log and its group set to read on from there.

    Args:
        rules: of windows and models.
        bootstrap: Kafka, host:port.
        registry: the schema registry's Confluent API, a URL.
        port: of the API, on loopback.
        folder: for Faust's own files.
        token: that writing through the API takes; ``None``: anybody may.
        passing: told when a step above is done, so that a test can end the process right there.
        session_s: after which a killed process's place in the group is free again, s.
        workers: whether others sum windows up (``workers``).
    """
    codec, board = Codec(registry), Board()
    decided = Decided()
    board.restored(_noted(history.read(bootstrap, codec, rules.partitions), decided))

    def find(version: int) -> GlobalModel:
        """The event of a version that is on the log."""
        known = board.catalogue.versions[version]
        return fetching.read(bootstrap, codec, known.partition, known.offset)

    state = decided.state(rules, find)
    places = {TOPIC: state.positions, COMMANDS: state.command_positions}
    history.seek(bootstrap, GROUP, places, rules.partitions)
    logger.info("goes on after version %d, from %s", state.version, dict(state.positions) or "the beginning")
    if workers:
        rules = rules._replace(gather=Asking(rules.config, bootstrap, codec, board.gathered))
    app = consuming.app(GROUP, bootstrap, folder, session_s, LARGEST_BYTES)
    topics = consuming.topics(app, (TOPIC, COMMANDS, "global_models", "dead_letters"))

    async def send(event: GlobalModel | LocalUpdate | DeadLetter) -> tuple[int, int]:
        record = codec.encode(event)
        sent = await topics[record.topic].send(
            key=record.key, value=record.value, headers=dict(record.headers), timestamp=record.timestamp / 1000
        )
        place = await sent
        return place.partition, place.offset

    aggregation = Aggregation(rules, state, board, send, passing)

    # State that may be behind the log must not go on: an error ends the process, which starts again from the log.
    @app.agent(topics[TOPIC], name="aggregate", supervisor_strategy=CrashingSupervisor)
    async def aggregate(stream: Any) -> None:
        async for event in stream.noack().events():
            record = _record(codec, event)
            passing("read")
            if isinstance(record, DeadLetter):
                await send(record)
                # It is behind us: a partition that ends with it has been read to its end.
                await aggregation.take(Skipped(event.message.partition, event.message.offset))
            else:
                await aggregation.take(record)

    @app.agent(topics[COMMANDS], name="obey", supervisor_strategy=CrashingSupervisor)
    async def obey(stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            try:
                command = codec.decode(COMMANDS, message.value, message.key)
                known = command.version in board.catalogue.versions
                target = await asyncio.to_thread(find, command.version) if known else None
                await aggregation.take(Order(command, message.partition, message.offset, target))
            except (UndecodableRecord, CommandError) as error:
                await send(consuming.letter(STAGE, COMMANDS, event, error))

    @app.task
    async def look() -> None:
        """Say where partitions end, as long as no writer marks them."""
        while not app.should_stop:
            await asyncio.sleep(LOOK_S)
            if not aggregation.marked:
                ends = await asyncio.to_thread(history.ends, bootstrap, TOPIC, rules.partitions)
                for partition, offset in ends.items():
                    await aggregation.take(End(partition, offset))

    async def submit(update: LocalUpdate) -> tuple[int, int]:
        try:
            return await send(update)
        except KafkaError as error:
            raise LogUnavailableError(str(error)) from error

    @app.task
    async def answer() -> None:
        """Serve the API for as long as the app runs."""
        fetch = partial(fetching.read, bootstrap, codec)
        await serve(create_api(board, rules.config, submit, fetch, token), HOST, port)

    return app


def work(app: faust.App) -> None:
    """Run the app in this process until it is told to stop."""
    worker = faust.Worker(app, override_logging=False, quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


def _noted(events: Iterator[Placed], decided: Decided) -> Iterator[Placed]:
    """The events, each of which has been taken note of."""
    for placed in events:
        decided.take(placed.model)
        yield placed


def _record(codec: Codec, event: EventT[Any]) -> Located | Mark | DeadLetter:
    """What a record says, or the letter for one that says nothing."""
    message = event.message
    headers = dict(message.headers or ())
    try:
        if is_mark(TOPIC, message.value) and WATERMARK in headers:
            return Mark(message.partition, message.offset, int(headers[WATERMARK]))
        update = codec.decode(TOPIC, message.value, message.key)
        watermark = int(headers[WATERMARK]) if WATERMARK in headers else None
    except ValueError as error:
        return consuming.letter(STAGE, TOPIC, event, error)
    assert isinstance(update, LocalUpdate)
    return Located(update, message.partition, message.offset, watermark)

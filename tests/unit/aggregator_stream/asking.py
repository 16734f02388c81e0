"""An API over made-up versions, a log that remembers what it was given, and somebody who asks."""

import asyncio
import base64
from functools import lru_cache
from typing import NamedTuple

import httpx
import jax
import numpy as np

from aggregator_stream.catalogue import Placed
from aggregator_stream.http.api import create
from aggregator_stream.http.board import Board, LogUnavailableError
from forecaster import weights
from forecaster.knowledge import architecture, initial
from schemas.events import Contribution, Evaluation, FleetEvaluation, GlobalModel, HorizonError, PairedError
from tests.unit.forecaster.series import TINY

TOKEN = "let me in"
MINUTE = 60_000
WINDOW = 30 * MINUTE
START = 1_078_358_400_000  # 2004-03-04T00:00:00Z, the beginning of a window
ERRORS = tuple(
    HorizonError(sensor, horizon, 12, 0.25 + n, 0.5 + n)
    for n, horizon in enumerate(TINY.horizons_ms)
    for sensor in ("temperature", "light")
)
PAIRED = tuple(PairedError(*error[:4], 0.125 + error.mae, error.persistence_mae) for error in ERRORS)
EVALUATIONS = (Evaluation(3, 2, PAIRED), Evaluation(0, 2, PAIRED[:1]))


def contribution(device, sequence, outcome="accepted", coefficient=0.5, reason=None, minute=5):
    at = START + minute * MINUTE
    return Contribution(
        f"{device}/{sequence}", device, 1, 10 + sequence, at, 2, 4, 9, coefficient, outcome, reason
    )  # fmt: skip


PAIR = (contribution("mote-01", 1), contribution("mote-02", 1))


def model(version, **changes):
    """The model of the ``version``-th window after ``START``; its weights are told apart by their content."""
    end = START + version * WINDOW
    return GlobalModel(
        *("fleet", version, version - 1, end - WINDOW, end, "fedavg", {"decay": 0.5}, architecture(TINY)),
        *(b"weights of %d" % version, PAIR, 18, ERRORS, "promoted", {"0": 5}, "test"),
    )._replace(**changes)


def judged(version, champion, ratio=0.75):
    """What a window's updates say of a version."""
    return FleetEvaluation(version, champion, 5, 48, ratio, PAIRED)


def told(said):
    """An evaluation as JSON has it."""
    return said._asdict() | {"errors": [error._asdict() for error in said.errors]}


def placed(*models):
    return [Placed(item, 2, 100 + n) for n, item in enumerate(models)]


@lru_cache
def known(seed=0):
    """Some weights of the network, safetensors."""
    random = np.random.default_rng(seed)
    return weights.to_bytes(jax.tree.map(lambda a: random.normal(0, 1, a.shape).astype(np.float32), initial(TINY)))


def posted(**changes):
    """A good update as a device posts it; ``None`` leaves a field out."""
    fields = {
        "update_id": "greenhouse-3/4",
        "device_id": "greenhouse-3",
        "sequence": 4,
        "event_time": START + 20 * MINUTE,
        "base_version": 2,
        "adopted_at": START + 15 * MINUTE,
        "architecture": architecture(TINY),
        "weights": base64.b64encode(known()).decode(),
        "example_count": 6,
        "reading_partition": 1,
        "first_offset": 40,
        "last_offset": 2**40,
        "errors": [error._asdict() for error in ERRORS],
        "dataset": "greenhouses",
        "resets": 1,
        "closed_at": START + 21 * MINUTE,
        "evaluations": [told(said) for said in EVALUATIONS],
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


class Asked(NamedTuple):
    """An API, its board, and what its log was given and asked for."""

    app: object
    board: Board
    submitted: list
    fetched: list

    def __call__(self, method, path, **options):
        return asyncio.run(self._ask(method, path, options))

    async def _ask(self, method, path, options):
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **options)

    def post(self, **options):
        return self("POST", "/local_updates", **options)


def api(*models, submit=None, fetch=None, **options):
    """An API that knows ``models`` (or versions 1, 2 and 3), over a log that acknowledges everything."""
    on_log = placed(*(models or (model(1), model(2), model(3))))
    submitted, fetched = [], []
    board = Board()
    board.restored(on_log)

    async def acknowledged(update):
        submitted.append(update)
        return 3, 41

    def read(partition, offset):
        fetched.append((partition, offset))
        for item in on_log:
            if (item.partition, item.offset) == (partition, offset):
                return item.model
        raise LogUnavailableError("nothing there")

    app = create(board, TINY, submit or acknowledged, fetch or read, **options)
    return Asked(app, board, submitted, fetched)


def problem(response, status):
    """The problem that an answer must be; nothing of the inside is in it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert found["status"] == status
    assert {"type", "title", "detail"} <= found.keys()
    assert "Traceback" not in response.text
    assert "/aggregator_stream" not in response.text
    return found

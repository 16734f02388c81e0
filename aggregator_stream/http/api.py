"""The app: routes over a board, what writes and what reads the log behind them, one OpenAPI description."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from aggregator_stream.http import openapi, problems
from aggregator_stream.http.board import Board, Fetch, LogUnavailableError, Submit
from aggregator_stream.http.guards import json_body, writer
from aggregator_stream.http.metrics import Derived
from aggregator_stream.http.openapi import answers, schema_of
from aggregator_stream.http.posting import PostedUpdate, check, parsed
from aggregator_stream.http.problems import ProblemError, unavailable
from aggregator_stream.http.reading import Seconds, reading
from aggregator_stream.http.views import AcceptedView, HealthView
from aggregator_stream.http.watching import Watched
from forecaster.config import Config

PATIENCE_S: Seconds = 10.0
"""How long Kafka may take to acknowledge an update, or to give an old version (s)."""
LIMIT_BYTES = 1 << 20


def create(
    board: Board,
    config: Config,
    submit: Submit,
    fetch: Fetch,
    token: str | None = None,
    limit_bytes: int = LIMIT_BYTES,
    patience_s: Seconds = PATIENCE_S,
) -> FastAPI:
    """The API over ``board``, one for each board.

    Args:
        board: what the aggregator knows.
        config: of the network that is trained.
        submit: writes an update to the log.
        fetch: reads a version's event from the log.
        token: who writes must show it; nobody must, where there is none.
        limit_bytes: of a request's body.
        patience_s: how long ``submit`` and ``fetch`` may take, s.
    """
    board.registry.register(Derived(board))
    app = FastAPI(
        title="Fedlog's aggregator",
        version="1",
        description="The fleet's model, version by version, and a way in for devices that do not talk to Kafka.",
        docs_url=None,  # its pages would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.add_middleware(Watched, answers=board.requests)
    problems.install(app)
    app.include_router(reading(board, fetch, patience_s))
    app.include_router(_posting(board, config, submit, token, limit_bytes, patience_s))
    app.include_router(_operating(board))
    openapi.describe(app)
    return app


def _posting(
    board: Board, config: Config, submit: Submit, token: str | None, limit_bytes: int, patience_s: Seconds
) -> APIRouter:
    router = APIRouter(tags=["updates"])

    @router.post(
        "/local_updates",
        status_code=202,
        response_model=AcceptedView,
        responses=answers(400, 401, 409, 413, 415, 422, 503),
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": schema_of(PostedUpdate)}}},
        dependencies=[Depends(writer(token))],
    )
    async def post_local_update(request: Request) -> Any:
        """Put a device's update on the log: for devices that do not talk to Kafka.

        Answered once Kafka has acknowledged it. The same update posted again is the same event: it may lie on the log
        twice, under one update_id, and whoever reads it drops the second. So after a 503 post it again.
        """
        update = parsed(await json_body(request, limit_bytes))
        newest = board.catalogue.newest
        check(config, newest.event.version if newest else 0, update)
        if later := board.overtaken(update.device_id, update.sequence):
            raise ProblemError(
                409, f"Sequence {later} of {update.device_id} came first: what is older is dropped", "overtaken"
            )
        try:
            async with asyncio.timeout(patience_s):
                partition, offset = await submit(update)
        except (TimeoutError, LogUnavailableError) as error:
            raise unavailable("Kafka has not acknowledged the update; post it again") from error
        return AcceptedView(update_id=update.update_id, partition=partition, offset=offset)

    return router


def _operating(board: Board) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/health", response_model=HealthView, responses=answers())
    async def health() -> Any:
        """How far the aggregator is; it answers nobody before it has read the log and is at work."""
        newest = board.catalogue.newest
        return HealthView(
            version=newest.event.version if newest else 0, pending=board.pending, window_lag_s=board.lag_s
        )

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **answers()})
    async def metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(board.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return router

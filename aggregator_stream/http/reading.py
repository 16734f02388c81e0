"""The routes that show versions and their weights."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from aggregator_stream.catalogue import Version, page
from aggregator_stream.http.board import Board, Fetch, LogUnavailableError
from aggregator_stream.http.openapi import answers
from aggregator_stream.http.problems import ProblemError, unavailable
from aggregator_stream.http.views import (
    ModelView,
    PageView,
    WholeModelView,
    model_view,
    whole_model_view,
)
from schemas.events import GlobalModel

Seconds = float
WEIGHTS_TYPE = "application/vnd.safetensors"
FOREVER = "public, max-age=31536000, immutable"
Number = Annotated[int, Path(ge=0, description="Of the version.")]
WEIGHTS: dict[str, Any] = {
    "description": "safetensors: named float32 arrays",
    "content": {WEIGHTS_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    "headers": {name: {"schema": {"type": "string"}} for name in ("ETag", "Cache-Control")},
}


def reading(board: Board, fetch: Fetch, patience_s: Seconds) -> APIRouter:
    """The routes; what is not at hand is fetched, in one thread and within ``patience_s``."""
    router = APIRouter(tags=["models"])
    thread = ThreadPoolExecutor(1, "fetch")

    def known(number: int) -> Version:
        found = board.catalogue.versions.get(number)
        if found is None:
            newest = board.catalogue.newest
            raise ProblemError(404, f"The newest version is {newest.event.version if newest else 0}", "no-such-version")
        return found

    async def fetched(version: Version) -> GlobalModel:
        asked = asyncio.get_running_loop().run_in_executor(thread, fetch, version.partition, version.offset)
        try:
            event = await asyncio.wait_for(asked, patience_s)
        except (TimeoutError, LogUnavailableError) as error:
            raise unavailable("Kafka has not given the version") from error
        if hashlib.sha256(event.weights).hexdigest() != version.digest:
            raise RuntimeError(f"version {version.event.version} is not where it was on the log")
        return event

    @router.get("/global_model", response_model=ModelView, responses=answers(404))
    async def newest_global_model() -> Any:
        """The newest version."""
        if board.catalogue.newest is None:
            raise ProblemError(404, "No window has closed yet", "no-such-version")
        return _json(model_view(board.catalogue.newest))

    @router.get("/global_models", response_model=PageView, responses=answers(422))
    async def global_models(
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[int | None, Query(ge=0, description="Only versions below this one.")] = None,
    ) -> Any:
        """Versions, newest first."""
        shown = page(board.catalogue, limit, before)
        more = bool(shown) and shown[-1].event.version > board.catalogue.order[0]
        return _json(
            PageView(
                versions=[model_view(version) for version in shown],
                next=f"/global_models?limit={limit}&before={shown[-1].event.version}" if more else None,
            )
        )

    @router.get("/global_models/{version}", response_model=WholeModelView, responses=answers(404, 422, 503))
    async def global_model(version: Number) -> Any:
        """One version, with what became of every update that its window looked at."""
        found = known(version)
        return _json(whole_model_view(found, await fetched(found)))

    @router.head("/global_models/{version}/weights", include_in_schema=False)
    @router.get(
        "/global_models/{version}/weights",
        response_class=Response,
        responses={200: WEIGHTS, 304: {"description": "As in If-None-Match"}, **answers(404, 422, 503)},
    )
    async def weights(version: Number, request: Request) -> Response:
        """A version's weights; they never change."""
        found = known(version)
        headers = {"ETag": f'"{found.digest}"', "Cache-Control": FOREVER}
        if _matches(request.headers.get("if-none-match", ""), found.digest):
            return Response(status_code=304, headers=headers)
        if request.method == "HEAD":
            return Response(headers=headers | {"Content-Length": str(found.size)}, media_type=WEIGHTS_TYPE)
        content = board.catalogue.weights.get(version) or (await fetched(found)).weights
        return Response(content, headers=headers, media_type=WEIGHTS_TYPE)

    return router


def _json(view: BaseModel) -> Response:
    """Pydantic writes what is no number as null."""
    return Response(view.model_dump_json(), media_type="application/json")


def _matches(wanted: str, digest: str) -> bool:
    """Whether an If-None-Match header names the digest; it compares weakly."""
    tags = [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
    return "*" in tags or f'"{digest}"' in tags

"""Bad input as problem details (RFC 9457): one exception, one answer, no stack trace."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

MEDIA_TYPE = "application/problem+json"
RETRY_S = 5
"""When to ask again where Kafka did not answer (s)."""
SHOWN = 20
"""Faults that an answer lists at most."""
LONGEST = 200
"""Characters of a fault's place or detail, which may be the asker's own text."""
_TITLES = {
    "invalid-input": "The input is not valid",
    "not-json": "The body is not JSON",
    "no-such-version": "There is no such version",
    "overtaken": "The device has posted a newer update",
    "log-unavailable": "Kafka does not answer",
}


class Fault(BaseModel):
    """One thing that is wrong with the input."""

    where: str = Field(description="The place, e.g. body/errors/0/mae or query/limit.")
    detail: str


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(description="urn:fedlog:problem:… or about:blank, where the status says it all.")
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = Field(None, description=f"For invalid input: what is wrong, up to {SHOWN} faults.")


class ProblemError(Exception):
    """Ends a request with a problem: ``kind`` is one of those with a title of their own, or none."""

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str = "",
        errors: list[Fault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(
            type=f"urn:fedlog:problem:{kind}" if kind else "about:blank",
            title=_TITLES[kind] if kind else HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            errors=errors,
        )
        self.headers = headers

    def response(self) -> Response:
        """The answer."""
        content = self.problem.model_dump_json(exclude_none=True)
        return Response(content, self.problem.status, dict(self.headers or {}), MEDIA_TYPE)


def invalid(faults: Iterable[Fault]) -> ProblemError:
    """The input as a whole was understood, and this is wrong with it."""
    listed = list(faults)[:SHOWN]
    return ProblemError(422, f"See errors, which lists up to {SHOWN} faults", "invalid-input", listed)


def faults(error: ValidationError | RequestValidationError, root: str = "") -> list[Fault]:
    """What pydantic found, without the input itself."""
    if isinstance(error, ValidationError):
        found: Iterable[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        found = error.errors()
    return [Fault(where=_place(root, row["loc"]), detail=str(row["msg"])[:LONGEST]) for row in found]


def unavailable(detail: str) -> ProblemError:
    """Kafka did not answer; another try may find it."""
    return ProblemError(503, detail, "log-unavailable", headers={"Retry-After": str(RETRY_S)})


def install(app: FastAPI) -> None:
    """Answer whatever goes wrong in ``app`` with problem details."""

    @app.exception_handler(ProblemError)
    async def own(_: Request, error: ProblemError) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        return ProblemError(error.status_code, str(error.detail), headers=error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def parameters(_: Request, error: RequestValidationError) -> Response:
        return invalid(faults(error)).response()

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> Response:
        return ProblemError(400, "The body has no end").response()


def _place(root: str, path: Iterable[str | int]) -> str:
    return "/".join([root, *map(str, path)] if root else map(str, path))[:LONGEST]

"""What a request that writes must pass before anything looks at its content: the token, the media type, the size."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from aggregator_stream.http.problems import ProblemError

_BEARER = HTTPBearer(auto_error=False, description="The token that the aggregator was started with, if with one.")


def writer(token: str | None) -> Callable[..., Awaitable[None]]:
    """A dependency that lets pass only who has the token; everybody, where there is none."""

    async def allowed(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> None:
        if not token:
            return
        if shown is None or not hmac.compare_digest(shown.credentials.encode(), token.encode()):
            raise ProblemError(401, "Writing takes the bearer token", headers={"WWW-Authenticate": "Bearer"})

    return allowed


async def json_body(request: Request, limit: int) -> bytes:
    """The body of a request, up to ``limit`` bytes; no more is read, whether or not a length was announced.

    Raises:
        ProblemError: it is longer, or not announced as JSON.
    """
    # A web page can send a form or plain text to loopback without asking; JSON it cannot.
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(415, "The body must be application/json")
    too_long = ProblemError(413, f"The body is longer than {limit} bytes", headers={"Connection": "close"})
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and (len(announced) > len(str(limit)) + 1 or int(announced) > limit):
        raise too_long
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise too_long
    return bytes(body)

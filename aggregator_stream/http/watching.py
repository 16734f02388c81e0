"""Every answer counted, every unexpected error logged and answered without saying what it was."""

import logging

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator_stream.http.problems import ProblemError

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"


class Watched:
    """ASGI middleware round the routes."""

    def __init__(self, app: ASGIApp, answers: Counter) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            logger.exception("%s %s", scope["method"], _route(scope))
            if not status:
                await ProblemError(500, "Something went wrong; the log says what").response()(scope, receive, noted)
        if status:
            self._answers.labels(_route(scope), str(status)).inc()


def _route(scope: Scope) -> str:
    """The route's template: of paths there is no end."""
    return getattr(scope.get("route"), "path", UNKNOWN)

"""The ASGI app on a port, inside an event loop that belongs to somebody else."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

_GRACE_S = 3
"""How long requests that are being answered may take when the server is told to end."""


class _Guest(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(app: ASGIApp, host: str, port: int) -> None:
    """Serve until cancelled; then answer what has been asked and close the port.

    Raises:
        OSError: the port is taken.
    """
    # Bound here: uvicorn would end the process where it cannot.
    listening = socket.create_server((host, port), backlog=128)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Guest(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        listening.close()

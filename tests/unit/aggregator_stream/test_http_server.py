"""The API on a real port, inside somebody else's loop."""

import asyncio
import json
import logging
import signal
import socket
from contextlib import suppress

import httpx
import pytest

from aggregator_stream.http.server import serve
from infra.ports import free
from tests.unit.aggregator_stream.asking import TOKEN, api, posted

HOST = "127.0.0.1"


def served(asked, talk):
    """What ``talk(port)`` says of the API on a port; the server is cancelled then."""

    async def run():
        [port] = free(1)
        server = asyncio.create_task(serve(asked.app, HOST, port))
        try:
            for _ in range(500):
                await asyncio.sleep(0.01)
                if server.done():
                    await server
                with socket.socket() as probe:
                    if probe.connect_ex((HOST, port)) == 0:
                        break
            return port, await talk(port)
        finally:
            server.cancel()
            with pytest.raises(asyncio.CancelledError):
                await server

    return asyncio.run(run())


def test_it_serves_until_cancelled_and_leaves_signals_and_logging_alone():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    logging_before = logging.getLogger("uvicorn").handlers[:], logging.root.handlers[:]

    async def talk(port):
        during = {number: signal.getsignal(number) for number in handlers}
        # asyncio.run has a handler of its own for SIGINT.
        assert during[signal.SIGTERM] == handlers[signal.SIGTERM]
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False) as client:
            return await client.get("/global_model")

    port, answer = served(api(), talk)
    assert answer.json()["version"] == 3
    assert "server" not in answer.headers
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert (logging.getLogger("uvicorn").handlers, logging.root.handlers) == logging_before
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0


def test_a_taken_port_is_an_error_and_not_the_end_of_the_process():
    with socket.create_server((HOST, 0)) as taken, pytest.raises(OSError, match="in use"):
        asyncio.run(serve(api().app, HOST, taken.getsockname()[1]))


def test_it_is_cancelled_with_an_idle_connection_open():
    async def talk(port):
        client = httpx.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False)
        assert (await client.get("/health")).status_code == 200

    asyncio.run(asyncio.wait_for(asyncio.to_thread(served, api(), talk), 20))


def sent_for_ever(port, chunked):
    """What comes back to somebody who sends until the connection breaks; raw, as httpx sends all before it reads."""
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 90000000"
    head = f"POST /local_updates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    part = b" " * 10_000
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.sendall(head.encode())
        with suppress(ConnectionError):
            for _ in range(8000):
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        return connection.recv(100_000)


@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_body_is_cut_off(chunked):
    async def talk(port):
        return await asyncio.to_thread(sent_for_ever, port, chunked)

    _, answer = served(api(limit_bytes=100_000), talk)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 413 " in head.splitlines()[0]
    assert b"connection: close" in head.lower()
    assert json.loads(body)["status"] == 413


def test_a_real_client_posts_and_reads():
    asked = api(token=TOKEN)

    async def talk(port):
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False) as client:
            refused = await client.post("/local_updates", json=posted())
            taken = await client.post("/local_updates", json=posted(), headers={"Authorization": f"Bearer {TOKEN}"})
            head = await client.head("/global_models/1/weights")
            weights = await client.get("/global_models/1/weights")
            return refused.status_code, taken.status_code, head.headers["content-length"], weights.content

    _, found = served(asked, talk)
    assert found == (401, 202, "12", b"weights of 1")
    assert len(asked.submitted) == 1

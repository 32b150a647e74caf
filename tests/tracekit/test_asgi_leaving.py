"""Clients that leave, and servers that close by themselves: real ones, which tell them apart."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from sockets import serving_asgi
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

import tracekit
from tracekit import attributes as names
from tracekit import clock
from tracekit.testing import Capture

DEADLINE = 10
SERVERS = ("uvicorn", "hypercorn")
START = {"type": "http.response.start", "status": 200, "headers": []}


@contextmanager
def serving(server: str, app: Any) -> Iterator[int]:
    """Serve *app* by the *server* of that name; give its port."""
    traced = tracekit.ASGIMiddleware(app)
    if server == "uvicorn":
        with serving_asgi(traced) as port:
            yield port
        return
    listener = socket.create_server(("127.0.0.1", 0))
    port, ended = listener.getsockname()[1], threading.Event()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # it is the server's to close
    config.graceful_timeout = 2

    async def run() -> None:
        await serve(traced, config, shutdown_trigger=lambda: asyncio.to_thread(ended.wait))

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield port
    finally:
        ended.set()
        thread.join()


def connect(port: int, head: str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    connection.sendall(head.encode())
    return connection


def leave(connection: socket.socket, after: bytes) -> None:
    """Close the *connection*, on which more is to come, once *after* has been read from it."""
    seen = b""
    while after not in seen:
        seen += connection.recv(1000)
    connection.close()


def starlette(content: Any) -> Starlette:
    async def endpoint(request: Request) -> StreamingResponse:
        return StreamingResponse(content())

    return Starlette(routes=[Route("/", endpoint)])


def piece(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def wait_for_the_end(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def two() -> Any:
    yield b"one"
    yield b"two"


async def listening(scope: Any, receive: Any, send: Any) -> None:
    """Stream, and listen until the end meanwhile; stop streaming for nothing."""
    if scope["type"] != "http":
        raise ValueError("no lifespan here")
    heard = asyncio.create_task(wait_for_the_end(receive))
    await asyncio.sleep(0)
    for message in (START, piece(b"one"), piece(b"two", more=False)):
        await send(message)
    await heard


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("app", [starlette(two), listening], ids=["Starlette", "listening"])
@pytest.mark.parametrize("head", ["1.0\r\n", "1.1\r\nConnection: close\r\n"], ids=["1.0", "close"])
def test_a_stream_is_complete_though_its_server_then_closes(
    captured: Capture, server: str, app: Any, head: str
) -> None:
    with serving(server, app) as port, connect(port, f"GET / HTTP/{head}Host: x\r\n\r\n") as client:
        answer = b"".join(iter(lambda: client.recv(1000), b""))
        (span,) = captured.wait(1)
    assert b"two" in answer
    assert span.attributes[names.ENDED] == "complete"
    assert span.attributes[names.BODY_BYTES] == 6


@pytest.mark.parametrize("server", SERVERS)
def test_who_leaves_before_the_last_piece_has_left_and_gets_nothing_of_what_follows(
    captured: Capture, server: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError("no lifespan here")
        await send(START)
        await send(piece(b"one"))
        await wait_for_the_end(receive)
        heard.append(clock.now())
        await asyncio.sleep(0.03)
        for message in (piece(b"two"), piece(b"three", more=False)):
            await send(message)

    heard: list[int] = []
    with serving(server, app) as port:
        leave(connect(port), after=b"one")
        span, background = captured.wait(2)
    assert span.attributes[names.ENDED] == "client_left"
    assert (span.attributes[names.BODY_CHUNKS], span.attributes[names.BODY_BYTES]) == (1, 3)
    assert span.end_time <= heard[0]
    assert background.name == "background"


@pytest.mark.parametrize("server", SERVERS)
def test_who_leaves_while_the_last_piece_waits_for_its_turn_has_left(
    captured: Capture, server: str
) -> None:
    sending = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError("no lifespan here")
        await send(START)
        asyncio.get_running_loop().call_soon(sending.set)  # as soon as a send waits
        await send(piece(b"x" * 20_000_000))  # more than the sockets hold
        await send(piece(b"last", more=False))

    with serving(server, app) as port:
        client = connect(port)
        assert sending.wait(DEADLINE)
        client.close()
        (span,) = captured.wait(1)
    assert span.attributes[names.ENDED] == "client_left"


@pytest.mark.parametrize("server", SERVERS)
def test_what_a_stream_does_after_its_client_has_left_is_in_the_background(
    captured: Capture, server: str
) -> None:
    left: list[int] = []

    async def accounted() -> Any:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.005)
        finally:
            left.append(clock.now())
            with anyio.CancelScope(shield=True), suppress(Exception):
                await asyncio.sleep(0.05)

    with serving(server, starlette(accounted)) as port:
        leave(connect(port), after=b"x")
        span, background = captured.wait(2)
    assert (span.name, span.attributes[names.ENDED]) == ("GET /", "client_left")
    assert span.end_time <= left[0]
    assert background.start_time == span.end_time
    assert background.end_time - background.start_time >= 45_000_000

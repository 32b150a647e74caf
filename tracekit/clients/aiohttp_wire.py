"""Hooks on aiohttp's request, response and protocol: sending, waiting, receiving.

Most are plain functions around coroutine functions: one more coroutine would cost each call more.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients import aiohttp_exchange
from tracekit.clients.aiohttp_exchange import Exchange
from tracekit.clients.aiohttp_opening import heard
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches


class WireHooks:
    """The hooks; a connection without an ``Exchange`` passes untouched."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on every way in which a request is sent and its response read or left."""
        from aiohttp import ClientRequest, ClientResponse
        from aiohttp.client_proto import ResponseHandler
        from aiohttp.connector import Connection

        self._patches.wrap(ClientRequest, "write_bytes", _write_bytes)
        self._patches.wrap(ClientResponse, "start", _start)
        self._patches.wrap(ClientResponse, "close", _leaving)
        self._patches.wrap(ClientResponse, "release", _leaving)
        # Whatever goes wrong before the headers are in, aiohttp closes the connection.
        self._patches.wrap(Connection, "close", _closing)
        # While a response is streamed no signal of aiohttp's fires: these see all that comes.
        self._patches.wrap(ResponseHandler, "data_received", _data_received)
        self._patches.wrap(ResponseHandler, "feed_data", _feed_data)
        self._patches.wrap(ResponseHandler, "resume_reading", _resume_reading)
        self._patches.wrap(ResponseHandler, "connection_lost", _connection_lost)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()


def _write_bytes(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(original)
    async def write_bytes(request: Any, writer: Any, connection: Any, *args: Any) -> None:
        exchange = aiohttp_exchange.of(connection.protocol)
        await original(request, writer, connection, *args)
        _sent(exchange)

    return write_bytes


def _start(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(original)
    def start(response: Any, connection: Any) -> Awaitable[Any]:
        exchange = aiohttp_exchange.of(connection.protocol)
        if exchange is None:
            return heard(response, original(response, connection))
        # The request is out by now, unless a task of its own writes the body.
        if getattr(response, "_writer", None) is None:
            _sent(exchange)
        return original(response, connection)

    return start


@observer("aiohttp.sent")
def _sent(exchange: Exchange | None) -> None:
    if exchange is None or exchange.call.done:
        return
    record, now = exchange.call.record, perf_counter_ns()
    if "wait" not in record.marks and record.status is None:
        record.end("send", now)
        record.begin("wait", now)


def _leaving(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def leave(response: Any) -> Any:
        connection = response.connection
        if connection is not None:  # else the last byte was in, or it has been left before
            _left(connection)
        return original(response)

    return leave


def _closing(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def close(connection: Any) -> None:
        _left(connection)
        original(connection)

    return close


@observer("aiohttp.left")
def _left(connection: Any) -> None:
    exchange = aiohttp_exchange.of(connection.protocol)
    if exchange is not None:
        exchange.left()


def _data_received(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def data_received(protocol: Any, data: bytes) -> None:
        exchange = aiohttp_exchange.of(protocol)
        if exchange is None:
            original(protocol, data)
            return
        exchange.reading = perf_counter_ns()
        original(protocol, data)
        exchange.arrived()

    return data_received


def _feed_data(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def feed_data(protocol: Any, data: Any, *args: Any, **kwargs: Any) -> None:
        exchange = aiohttp_exchange.of(protocol)
        if exchange is not None:
            exchange.head(*data)
        original(protocol, data, *args, **kwargs)

    return feed_data


def _connection_lost(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def connection_lost(protocol: Any, error: BaseException | None) -> None:
        exchange = aiohttp_exchange.of(protocol)
        original(protocol, error)
        if exchange is not None and not exchange.ended:
            exchange.lost()

    return connection_lost


def _resume_reading(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def resume_reading(protocol: Any, *args: Any, **kwargs: Any) -> None:
        exchange = aiohttp_exchange.of(protocol)
        if exchange is not None:
            _resumed(exchange, protocol)
        original(protocol, *args, **kwargs)

    return resume_reading


@observer("aiohttp.resumed")
def _resumed(exchange: Exchange, protocol: Any) -> None:
    if protocol._reading_paused:  # the reader has taken what it had left lying
        exchange.resumed = perf_counter_ns()

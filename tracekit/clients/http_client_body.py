"""Follow the body of an ``http.client`` response while the host reads it."""

from __future__ import annotations

import functools
import http.client
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients.http_client_exchange import Exchange
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches

_EXCHANGE = "_tracekit_exchange"
_READING = ("read", "read1", "readinto", "readline", "peek")
"""Every way to read comes down to these: lines, iteration and copying call them."""
_BROKEN = (OSError, http.client.HTTPException)


class ResponseHooks:
    """The hooks on ``http.client.HTTPResponse``; one without an exchange passes untouched."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on every way in which a body is read or left."""
        for name in _READING:
            make = functools.partial(_reading, takes=name != "peek")
            self._patches.wrap(http.client.HTTPResponse, name, make)
        self._patches.wrap(http.client.HTTPResponse, "close", _closing)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()


def hang(exchange: Exchange, response: Any) -> None:
    """Let *response* carry its *exchange* from now on; end it if there is no body to come."""
    exchange.busy = False
    if _is_over(response):
        exchange.call.record.body_bytes = 0
        exchange.finish(complete=True)
    else:
        response.__dict__[_EXCHANGE] = exchange


def _is_over(response: Any) -> bool:
    # Not every way to read closes the response with the last byte.
    return bool(response.isclosed() or response.length == 0)


def _is_cut(response: Any) -> bool:
    return response.chunk_left is not None if response.chunked else bool(response.length)


def _reading(original: Callable[..., Any], takes: bool) -> Callable[..., Any]:
    @functools.wraps(original)
    def read(response: Any, *args: Any, **kwargs: Any) -> Any:
        exchange: Exchange | None = response.__dict__.get(_EXCHANGE)
        if exchange is None or exchange.busy:
            return original(response, *args, **kwargs)
        asked = perf_counter_ns()
        exchange.busy = True
        try:
            data = original(response, *args, **kwargs)
        except BaseException as error:
            _broke(response, exchange, error)
            raise
        _arrived(response, exchange, data, asked if takes else None)
        return data

    return read


@observer("http.client.body")
def _arrived(response: Any, exchange: Exchange, data: Any, asked: int | None) -> None:
    exchange.busy = False
    if asked is not None:
        exchange.chunk(data if isinstance(data, int) else len(data or b""), asked)
    # What is only peeked at is not taken; but the end of a body is met there as well.
    if _is_over(response) or (asked is None and not data):
        _end(response, exchange)


def _end(response: Any, exchange: Exchange) -> None:
    del response.__dict__[_EXCHANGE]
    if _is_cut(response):
        # The server left early and http.client, asked for so many bytes or a line, says nothing.
        exchange.finish(complete=False, error=http.client.IncompleteRead(b""))
    else:
        exchange.finish(complete=True)


@observer("http.client.body")
def _broke(response: Any, exchange: Exchange, error: BaseException) -> None:
    exchange.busy = False
    # Anything else is a wrong argument: the host may try again.
    if isinstance(error, _BROKEN) or not isinstance(error, Exception):
        del response.__dict__[_EXCHANGE]
        exchange.finish(complete=False, error=error)


def _closing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def close(response: Any) -> Any:
        if _EXCHANGE in response.__dict__:
            _left(response)
        return original(response)

    return close


@observer("http.client.body")
def _left(response: Any) -> None:
    # Python closes a forgotten response from its finalizer, where no span may be ended: the
    # exchange is forgotten with it, and reaped.
    exchange: Exchange = response.__dict__[_EXCHANGE]
    if not exchange.busy and not response.__dict__.get("_finalizing"):
        del response.__dict__[_EXCHANGE]
        exchange.finish(complete=False)

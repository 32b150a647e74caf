"""Follow one request on an ``http.client`` connection: sending it, waiting for the headers."""

from __future__ import annotations

import functools
import http.client
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite, connect_scope, sending
from tracekit.clients.http_client_body import hang
from tracekit.clients.http_client_exchange import STATE, Exchange, State
from tracekit.clients.http_client_opening import Openings
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches

_MISUSED = http.client.ImproperConnectionState
"""A method called out of turn: the exchange goes on, if there is one."""


class RequestHooks:
    """The hooks on what a connection does between ``putrequest`` and the response's headers."""

    def __init__(self, openings: Openings) -> None:
        self._openings = openings
        self._patches = Patches()

    def install(self) -> None:
        """Put the hooks in place."""
        owner = http.client.HTTPConnection
        self._patches.wrap(owner, "endheaders", self._endheaders)
        self._patches.wrap(owner, "send", self._send)
        self._patches.wrap(owner, "getresponse", _getresponse)
        self._patches.wrap(owner, "close", _closing)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()

    def _endheaders(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def endheaders(
            connection: Any, message_body: Any = None, *, encode_chunked: bool = False
        ) -> Any:
            state = connection.__dict__.get(STATE)
            if state is None:
                return original(connection, message_body, encode_chunked=encode_chunked)
            kwargs = {"encode_chunked": encode_chunked}
            self._complete(connection, state)
            exchange = state.exchange
            if exchange is not None:
                return _watched(state, exchange, original, connection, message_body, kwargs)
            result = original(connection, message_body, **kwargs)
            state.opening = None  # whoever opened it, this request has used it
            return result

        return endheaders

    @observer("http.client.headers")
    def _complete(self, connection: Any, state: State) -> None:
        carrier, state.carrier = state.carrier, None
        if carrier is not None:
            _inject(connection, carrier)
        if state.exchange is not None and connection.sock is not None:
            now = perf_counter_ns()
            state.exchange.call.record.begin("send", now)
            self._openings.use(connection, state.exchange.call, now)

    def _send(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(connection: Any, data: Any) -> Any:
            state = connection.__dict__.get(STATE)
            exchange = None if state is None else state.exchange
            if state is None or exchange is None:
                return original(connection, data)
            if connection.sock is None and connection.auto_open:
                # What the original does first. Done here it is seen in subclasses as well that
                # have a connect of their own.
                self._openings.open(connection)
            if exchange.busy or exchange.call.record.connecting:
                return original(connection, data)
            return _watched(state, exchange, original, connection, data, {})

        return send


def _watched(
    state: State,
    exchange: Exchange,
    original: Callable[..., Any],
    connection: Any,
    data: Any,
    kwargs: dict[str, Any],
) -> Any:
    """Send with *original*, the headers or a further piece of the body."""
    exchange.busy = True
    try:
        result = original(connection, data, **kwargs)
    except BaseException as error:
        exchange.busy = False
        if not isinstance(error, _MISUSED):
            _failed(state, exchange, error)
        raise
    exchange.busy = False
    _sent(exchange)
    return result


@observer("http.client.sent")
def _sent(exchange: Exchange) -> None:
    now = perf_counter_ns()
    record = exchange.call.record
    mark = record.marks.get("send")
    # What the host does between the pieces of a body that it sends by itself is sending, too.
    record.begin("send", now if mark is None else mark[0])
    record.end("send", now)
    record.begin("wait", now)


@observer("http.client.failed")
def _failed(state: State, exchange: Exchange, error: BaseException | str) -> None:
    state.exchange = None
    exchange.fail(error)
    sending.over(exchange.call)


def _inject(connection: Any, carrier: dict[str, str]) -> None:
    """Add the *carrier*'s headers, except those that the host has put there itself."""
    # Private, and the only place that knows; without it the host's own would be sent twice.
    present = {line.partition(b":")[0].lower() for line in connection._buffer[1:]}
    for name, value in carrier.items():
        if name.lower().encode("latin-1") not in present:
            connection.putheader(name, value)


def _getresponse(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getresponse(connection: Any) -> Any:
        state = connection.__dict__.get(STATE)
        exchange = None if state is None else state.exchange
        if state is None or exchange is None:
            return original(connection)
        # The original closes a connection that cannot be kept: that is not the host leaving.
        state.exchange = None
        sock = connection.sock
        try:
            response = original(connection)
        except http.client.ResponseNotReady:
            state.exchange = exchange
            raise
        except BaseException as error:
            _failed(state, exchange, error)
            raise
        _answered(exchange, response, sock)
        return response

    return getresponse


@observer("http.client.answered")
def _answered(exchange: Exchange, response: Any, sock: Any) -> None:
    now = perf_counter_ns()
    call = exchange.call
    record = call.record
    record.end("wait", now)
    record.status = response.status
    record.protocol = "1.0" if response.version == 10 else "1.1"
    record.begin("receive", now)
    sending.over(call)
    if call.connection is not None:
        call.connection.probe(sock, record)
    record.response_headers = response.headers
    if response.length is None:
        callsite.note(record)  # a stream may stall, which is known when somebody else reads it
    if not call.owned:
        call.publish(now)
    hang(exchange, response)


def _closing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def close(connection: Any) -> Any:
        state = connection.__dict__.get(STATE)
        if state is not None:
            _close(state)
        return original(connection)

    return close


@observer("http.client.closing")
def _close(state: State) -> None:
    exchange = state.exchange
    # A proxy that refuses its tunnel makes http.client close: the error is on its way.
    if exchange is not None and connect_scope.current.get() is not exchange.call.record:
        _failed(state, exchange, "abandoned")

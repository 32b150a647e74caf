"""Follow an ``http.client`` connection while it is opened."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from time import perf_counter_ns
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.context import get_current

from tracekit.clients import callsite, connect_scope
from tracekit.clients.call import Call
from tracekit.clients.host_context import is_suppressed
from tracekit.clients.http_client_exchange import (
    LIBRARY,
    Opening,
    is_pooled,
    make_state,
    state_of,
)
from tracekit.clients.observing import observer, restore
from tracekit.clients.registry import Connections
from tracekit.phases import ConnectionPhases


class Scope(NamedTuple):
    """A connection being opened, by a call or by the host's own hand."""

    record: ConnectionPhases
    token: Token[ConnectionPhases | None]


class Openings:
    """Knows the connections that have been opened, each by its socket."""

    def __init__(self) -> None:
        self._connections = Connections()

    def hook(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap ``connect``: what the host opens by hand, and what ``open`` opens once more."""

        @functools.wraps(original)
        def connect(connection: Any) -> Any:
            if is_pooled(connection):
                return original(connection)
            return self._follow(connection, functools.partial(original, connection))

        return connect

    def open(self, connection: Any) -> None:
        """Open *connection* for the request on it, by whichever method its class has for that."""
        self._follow(connection, connection.connect)

    def use(self, connection: Any, call: Call, at: int) -> None:
        """Count *call* on the connection."""
        if call.connection is None:
            call.connection = self._connections.use(connection.sock, call.record, at)

    def _follow(self, connection: Any, connect: Callable[[], Any]) -> Any:
        scope = _enter(connection)
        if scope is None:
            return connect()
        try:
            result = connect()
        except BaseException as error:
            restore(connect_scope.current, scope.token)
            _leave(scope, error)
            raise
        restore(connect_scope.current, scope.token)
        _leave(scope)
        self._register(connection, scope.record)
        return result

    @observer("http.client.register")
    def _register(self, connection: Any, record: ConnectionPhases) -> None:
        now = perf_counter_ns()
        state = make_state(connection)
        if connection.sock is None:  # a subclass that keeps it elsewhere
            return
        self._connections.opened(connection.sock, now).meet(connection.sock)
        if state.exchange is None:
            state.opening = Opening(record, trace.get_current_span())
        else:
            record.begin("send", now)
            self.use(connection, state.exchange.call, now)


@observer("http.client.opening")
def _enter(connection: Any) -> Scope | None:
    state = state_of(connection)
    exchange = None if state is None else state.exchange
    around = connect_scope.current.get()
    if exchange is not None:
        record = exchange.call.record
        if around is record:  # HTTPSConnection.connect calls HTTPConnection's
            return None
    elif around is not None or is_suppressed(get_current()):
        return None
    else:
        record = ConnectionPhases(LIBRARY, perf_counter_ns())
    record.state = "new"
    record.connecting = True
    callsite.note(record)
    record.begin("connect", perf_counter_ns())
    return Scope(record, connect_scope.current.set(record))


@observer("http.client.opened")
def _leave(scope: Scope, error: BaseException | None = None) -> None:
    now = perf_counter_ns()
    record = scope.record
    record.connecting = False
    record.end("connect", now)
    reached = record.attempts and record.attempts[-1].outcome == "ok"
    if reached and record.handshake is not None:
        tunnel = record.marks.get("proxy")
        record.begin("tls", record.attempts[-1].end if tunnel is None else tunnel[1])
        record.end("tls", now)
        record.derived = ("tls",)
    if error is not None:
        record.error = type(error).__qualname__

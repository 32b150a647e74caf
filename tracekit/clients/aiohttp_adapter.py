"""Trace what goes out through aiohttp's client."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextvars import Token
from time import perf_counter_ns
from typing import Any, NamedTuple

from opentelemetry.context import get_current
from opentelemetry.trace import TracerProvider

from tracekit import loop_lag
from tracekit.clients import aiohttp_asked as asked
from tracekit.clients import aiohttp_exchange, callsite, connect_scope, headers, sending, target
from tracekit.clients import body as bodies
from tracekit.clients.aiohttp_asked import Asked
from tracekit.clients.aiohttp_exchange import Exchange
from tracekit.clients.aiohttp_opening import OpeningHooks
from tracekit.clients.aiohttp_wire import WireHooks
from tracekit.clients.call import SCOPE, Call
from tracekit.clients.host_context import foreign_client_span, is_http_suppressed, is_suppressed
from tracekit.clients.observing import observer, restore
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients, Connection, Connections
from tracekit.lean_tracer import LeanTracer
from tracekit.phases import ConnectionPhases

_FOREIGN = ("opentelemetry.instrumentation.aiohttp_client",)
_Method = Callable[..., Awaitable[Any]]


class Hop(NamedTuple):
    """One request being made, and what to undo once it has its connection."""

    call: Call
    asked: Asked | None
    scope: Token[ConnectionPhases | None]


class AiohttpAdapter:
    """Opens a client span around every request for which a session asks for a connection.

    That is where redirects and silent retries part, whatever comes of them, in sessions old and
    new: aiohttp's own signals keep them together and leave out the end of what fails.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = LeanTracer(provider, SCOPE)
        self._installed = False
        self._clients = Clients()
        self._connections = Connections()
        self._patches = Patches()
        self._parts = (OpeningHooks(), WireHooks())

    def install(self) -> None:
        """Put hooks on sessions, connectors and all that a connection carries."""
        from aiohttp import BaseConnector, ClientSession

        for part in self._parts:
            part.install()
        self._patches.wrap(ClientSession, "__init__", sending.making(self._clients))
        self._patches.wrap(ClientSession, "_request", self._request)
        self._patches.wrap(BaseConnector, "connect", self._connect)
        self._installed = True

    def uninstall(self) -> None:
        """Put everything back."""
        self._installed = False
        self._patches.restore()
        for part in reversed(self._parts):
            part.uninstall()

    def _request(self, original: _Method) -> _Method:
        @functools.wraps(original)
        async def request(session: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
            token = self._ask(session, method, kwargs)
            try:
                response = await original(session, method, *args, **kwargs)
            finally:
                restore(asked.current, token)
            _answered(response)
            return response

        return request

    @observer("aiohttp.ask")
    def _ask(self, session: Any, method: str, options: dict[str, Any]) -> Token[Asked | None]:
        return asked.current.set(Asked(session, self._clients.get(session), method, options))

    def _connect(self, original: _Method) -> _Method:
        @functools.wraps(original)
        async def connect(connector: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            hop = self._begin(request)
            if hop is None:
                return await original(connector, request, *args, **kwargs)
            try:
                connection = await original(connector, request, *args, **kwargs)
            except BaseException as error:
                restore(connect_scope.current, hop.scope)
                _unconnected(hop, request, error)
                raise
            restore(connect_scope.current, hop.scope)
            self._connected(hop, connection)
            return connection

        return connect

    @observer("aiohttp.begin")
    def _begin(self, request: Any) -> Hop | None:
        if not self._installed:
            return None
        context = get_current()
        if is_suppressed(context):
            return None
        method, url = request.method, request.url
        described = target.describe(method, url.scheme, url.raw_host, url.port, url.raw_path)
        foreign = foreign_client_span(_FOREIGN, context)
        if foreign is not None:
            # Their span carries the headers already.
            return _enter(Call.join(self._tracer, "aiohttp", foreign, described), request)
        if is_http_suppressed(context):
            return None
        bodies.reap()
        call = Call.start(self._tracer, "aiohttp", target.span_name(method), described, context)
        # aiohttp has made these for this request alone: the caller's own are not touched.
        headers.put(request.headers, call.carried())
        return _enter(call, request) if call.span.is_recording() else None

    @observer("aiohttp.connected")
    def _connected(self, hop: Hop, connection: Any) -> None:
        now = perf_counter_ns()
        call, protocol = hop.call, connection.protocol
        record = call.record
        record.end("pool", now)
        callsite.note_wait(record, now - record.start)
        if record.is_new:
            _meet(self._connections.opened(protocol, now), protocol)
        used = call.connection = self._connections.use(protocol, record, now)
        if not record.is_new:
            record.state = "reused"  # opened while this call waited or not: HTTP/1.1 takes turns
        if used.sock is None:
            _meet(used, protocol)
            record.peer, record.local = used.peer, used.local
        record.begin("send", perf_counter_ns())
        Exchange(call, hop.asked, protocol)


def _enter(call: Call, request: Any) -> Hop:
    call.watched = loop_lag.enter()
    record, around = call.record, asked.current.get()
    if around is not None:  # else a connector is used without a session
        around.begin(call)
    if request.proxy is not None:
        record.proxy = f"{request.proxy.host}:{request.proxy.port}"
    record.begin("pool", perf_counter_ns())
    return Hop(call, around, connect_scope.current.set(record))


def _meet(connection: Connection, protocol: Any) -> None:
    transport = protocol.transport
    connection.sock = None if transport is None else transport.get_extra_info("socket")
    if connection.sock is not None:
        connection.meet(connection.sock)


@observer("aiohttp.answered")
def _answered(response: Any) -> None:
    if "Content-Length" in response.headers or response.connection is None:
        return
    exchange = aiohttp_exchange.of(response.connection.protocol)
    if exchange is not None:
        # A stream may stall, which is known when somebody else reads it.
        callsite.note(exchange.call.record)


@observer("aiohttp.unconnected")
def _unconnected(hop: Hop, request: Any, error: BaseException) -> None:
    timer = getattr(request, "_timer", None)
    aiohttp_exchange.failed(hop.call, hop.asked, error, timer=timer)

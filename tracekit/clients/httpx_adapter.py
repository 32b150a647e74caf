"""Add connection phases to the spans that OpenTelemetry opens for httpx and httpx2."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Awaitable, Callable
from contextvars import Token
from time import perf_counter_ns
from typing import Any, NamedTuple

from opentelemetry.trace import TracerProvider

from tracekit import attributes as names
from tracekit.clients import body as bodies
from tracekit.clients import connect_scope, sending, target
from tracekit.clients.body import Body, is_event_stream
from tracekit.clients.call import SCOPE, Call, foreign_client_span
from tracekit.clients.httpx_events import Events
from tracekit.clients.httpx_stream import timed_streams
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients, Connections
from tracekit.phases import ConnectionPhases

_FOREIGN = ("opentelemetry.instrumentation.httpx",)
_OLD_URL = "http.url"
"""OpenTelemetry's older name for url.full, which its instrumentation writes with the query."""


class Hop(NamedTuple):
    """One request being made, and what to undo afterwards."""

    call: Call
    events: Events
    extensions: Any
    scope: Token[ConnectionPhases | None]


class HttpxAdapter:
    """Hooks httpx's two transports, inside OpenTelemetry's wrappers around them.

    There the client span is open, a failing connect is seen, and each redirect is its own call.
    """

    library = "httpx"
    instrumentor = "HTTPXClientInstrumentor"

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SCOPE)
        self._connections = Connections()
        self._clients = Clients()
        self._patches = Patches()
        self._instrumentor: Any = None
        self._installed = False

    def install(self) -> None:
        """Put hooks on the transports; instrument the library, unless the user has done so."""
        library = importlib.import_module(self.library)
        self._stream, self._async_stream = timed_streams(library)
        made = sending.making(self._clients)
        for transport in (library.HTTPTransport, library.AsyncHTTPTransport):
            self._patches.wrap(transport, "__init__", made)
        self._patches.wrap(library.Client, "send", sending.sending(self._clients))
        self._patches.wrap(library.AsyncClient, "send", sending.sending_async(self._clients))
        self._patches.wrap(library.HTTPTransport, "handle_request", self._sync)
        self._patches.wrap(library.AsyncHTTPTransport, "handle_async_request", self._async)
        _warm_up()
        self._installed = True
        self._instrument()

    def uninstall(self) -> None:
        """Put everything back."""
        self._installed = False
        if self._instrumentor is not None:
            self._instrumentor.uninstrument()
            self._instrumentor = None
        self._patches.restore()

    def _instrument(self) -> None:
        package = importlib.import_module("opentelemetry.instrumentation.httpx")
        instrumentor = getattr(package, self.instrumentor)()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(tracer_provider=self._provider)
            self._instrumentor = instrumentor

    def _sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def handle_request(transport: Any, request: Any) -> Any:
            hop = self._begin(transport, request, Events.sync_trace)
            if hop is None:
                return original(transport, request)
            try:
                response = original(transport, request)
            except BaseException as error:
                _failed(hop, request, error)
                raise
            self._responded(hop, request, response, self._stream)
            return response

        return handle_request

    def _async(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(original)
        async def handle_async_request(transport: Any, request: Any) -> Any:
            hop = self._begin(transport, request, Events.async_trace)
            if hop is None:
                return await original(transport, request)
            try:
                response = await original(transport, request)
            except BaseException as error:
                _failed(hop, request, error)
                raise
            self._responded(hop, request, response, self._async_stream)
            return response

        return handle_async_request

    @observer("httpx.begin")
    def _begin(self, transport: Any, request: Any, trace: Callable[..., Any]) -> Hop | None:
        span = foreign_client_span(_FOREIGN) if self._installed else None
        if span is None:
            return None
        bodies.reap()
        url = request.url
        described = target.describe(request.method, url.scheme, url.host, url.port, url.path)
        if self._instrumentor is not None and _OLD_URL in getattr(span, "attributes", ()):
            # A host that instruments httpx itself has chosen to keep the query; we have not.
            described[_OLD_URL] = described[names.URL_FULL]
        call = Call.join(self._tracer, self.library, span, described)
        record = call.record
        around = sending.current.get() or sending.Sending(transport, None)
        # Transports are what users pool by; a Client makes its own.
        around.client = self._clients.get(transport)
        around.begin(call)
        record.proxy = _proxy_of(transport)
        record.derived = ("pool",)
        record.begin("pool", perf_counter_ns())
        events = Events(record, self._connections)
        extensions = request.extensions
        # A copy for this hop alone: redirects and the user's own code see what they gave.
        request.extensions = {
            **extensions,
            "trace": trace(events, extensions.get("trace")),
        }
        return Hop(call, events, extensions, connect_scope.current.set(record))

    @observer("httpx.responded")
    def _responded(self, hop: Hop, request: Any, response: Any, stream: type[Any]) -> None:
        now = perf_counter_ns()
        _leave(hop, request)
        call, record = hop.call, hop.call.record
        record.status = response.status_code
        record.protocol = response.extensions["http_version"].decode("ascii")[5:]
        record.event_stream = is_event_stream(response.headers.get("content-type"))
        self._identify(call, response.extensions["network_stream"], now)
        call.publish(now)
        record.begin("receive", now)
        response.stream = stream(response.stream, Body(call))

    def _identify(self, call: Call, stream: Any, now: int) -> None:
        record = call.record
        sent = record.marks.get("send")
        used = self._connections.use(stream, record, sent[0] if sent else now)
        used.probe(used.sock, record)
        call.connection = used


class Httpx2Adapter(HttpxAdapter):
    """The same for httpx2."""

    library = "httpx2"
    instrumentor = "HTTPX2ClientInstrumentor"


@observer("httpx.leave")
def _leave(hop: Hop, request: Any) -> None:
    around = sending.current.get()
    if around is not None:
        around.end()
    request.extensions = hop.extensions
    connect_scope.current.reset(hop.scope)


@observer("httpx.failed")
def _failed(hop: Hop, request: Any, error: BaseException) -> None:
    now = perf_counter_ns()
    _leave(hop, request)
    hop.call.fail(error)
    hop.call.finish(now)


def _proxy_of(transport: Any) -> str | None:
    # Private, and the only place that knows; without it the call seems to go straight.
    url = getattr(getattr(transport, "_pool", None), "_proxy_url", None)
    return None if url is None else f"{url.host.decode('ascii')}:{url.port}"


def _warm_up() -> None:
    """Load what the first async request would load, or that would look like a wait for the pool."""
    if importlib.util.find_spec("anyio") is not None:
        importlib.import_module("anyio._backends._asyncio")

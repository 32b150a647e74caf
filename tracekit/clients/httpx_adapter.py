"""Trace what goes out through httpx and httpx2."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Awaitable, Callable
from contextvars import Token
from time import perf_counter_ns
from typing import Any, NamedTuple

from opentelemetry.context import get_current
from opentelemetry.trace import TracerProvider

from tracekit import loop_lag
from tracekit.clients import body as bodies
from tracekit.clients import callsite, connect_scope, httpx_request, sending, target
from tracekit.clients.body import Body
from tracekit.clients.call import SCOPE, Call
from tracekit.clients.host_context import foreign_client_span, is_http_suppressed, is_suppressed
from tracekit.clients.httpx_events import Events
from tracekit.clients.httpx_stream import timed_streams
from tracekit.clients.observing import observer, restore
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients, Connections
from tracekit.lean_tracer import LeanTracer
from tracekit.phases import ConnectionPhases

_FOREIGN = ("opentelemetry.instrumentation.httpx",)


class Hop(NamedTuple):
    """One request being made, and what the host gets back afterwards."""

    request: Any
    call: Call | None = None
    scope: Token[ConnectionPhases | None] | None = None


class HttpxAdapter:
    """Hooks httpx's two transports: there a failing connect is seen, and each redirect is a call.

    Inside OpenTelemetry's wrappers around them, where the host has put those: then the span that is
    open is theirs, and ours completes it.
    """

    library = "httpx"

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = LeanTracer(provider, SCOPE)
        self._connections = Connections()
        self._clients = Clients()
        self._patches = Patches()
        self._installed = False

    def install(self) -> None:
        """Put hooks on the transports and on what is sent through them."""
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

    def uninstall(self) -> None:
        """Put everything back."""
        self._installed = False
        self._patches.restore()

    def _sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def handle_request(transport: Any, request: Any) -> Any:
            hop = self._begin(transport, request, Events.sync_trace)
            if hop is None:
                return original(transport, request)
            try:
                response = original(transport, hop.request)
            except BaseException as error:
                _leave(hop)
                _failed(hop, error)
                raise
            _leave(hop)
            self._responded(hop, response, self._stream)
            return response

        return handle_request

    def _async(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(original)
        async def handle_async_request(transport: Any, request: Any) -> Any:
            hop = self._begin(transport, request, Events.async_trace)
            if hop is None:
                return await original(transport, request)
            if hop.call is not None:
                hop.call.watched = loop_lag.enter()
            try:
                response = await original(transport, hop.request)
            except BaseException as error:
                _leave(hop)
                _failed(hop, error)
                raise
            _leave(hop)
            self._responded(hop, response, self._async_stream)
            return response

        return handle_async_request

    @observer("httpx.begin")
    def _begin(self, transport: Any, request: Any, trace: Callable[..., Any]) -> Hop | None:
        context = get_current()
        if not self._installed or is_suppressed(context):
            return None
        foreign = foreign_client_span(_FOREIGN, context)
        if foreign is None and is_http_suppressed(context):
            return None
        bodies.reap()
        url, request = request.url, httpx_request.twin(request)
        path = url.raw_path.decode("ascii")
        described = target.describe(request.method, url.scheme, url.host, url.port, path)
        if foreign is not None:  # it carries the headers already
            call = Call.join(self._tracer, self.library, foreign, described)
        else:
            name = target.span_name(request.method)
            call = Call.start(self._tracer, self.library, name, described, context)
            request.headers = httpx_request.with_headers(request.headers, call.carried())
            if not call.span.is_recording():
                return Hop(request)
        return self._enter(call, transport, request, trace)

    def _enter(self, call: Call, transport: Any, request: Any, trace: Callable[..., Any]) -> Hop:
        record = call.record
        around = sending.current.get() or sending.Sending(transport, None)
        # Transports are what users pool by; a Client makes its own.
        around.client = self._clients.get(transport)
        around.begin(call)
        record.proxy = httpx_request.proxy_of(transport)
        record.derived = ("pool",)
        record.begin("pool", perf_counter_ns())
        events = Events(record, self._connections)
        extensions = request.extensions
        # A copy for this hop alone: redirects and the user's own code see what they gave.
        request.extensions = {**extensions, "trace": trace(events, extensions.get("trace"))}
        return Hop(request, call, connect_scope.current.set(record))

    @observer("httpx.responded")
    def _responded(self, hop: Hop, response: Any, stream: type[Any]) -> None:
        now = perf_counter_ns()
        call = hop.call
        if call is None:
            return
        record = call.record
        record.status = response.status_code
        sending.over(call)
        record.response_headers = response.headers
        self._named(call, response.extensions, now)
        record.begin("receive", now)
        if not any(name.lower() == b"content-length" for name, _ in response.headers.raw):
            callsite.note(record)  # a stream may stall, which is known when somebody else reads it
        if not call.owned:  # OpenTelemetry ends its span at the headers
            call.publish(now)
        response.stream = stream(response.stream, Body(call))

    @observer("httpx.named")
    def _named(self, call: Call, extensions: Any, now: int) -> None:
        version, stream = extensions.get("http_version"), extensions.get("network_stream")
        if version is not None:
            call.record.protocol = version.decode("ascii")[5:]
        if stream is not None:
            self._identify(call, stream, now)

    def _identify(self, call: Call, stream: Any, now: int) -> None:
        record = call.record
        sent = record.marks.get("send")
        used = self._connections.use(stream, record, sent[0] if sent else now)
        used.probe(used.sock, record)
        call.connection = used


class Httpx2Adapter(HttpxAdapter):
    """The same for httpx2."""

    library = "httpx2"


def _leave(hop: Hop) -> None:
    restore(connect_scope.current, hop.scope)


@observer("httpx.failed")
def _failed(hop: Hop, error: BaseException) -> None:
    now = perf_counter_ns()
    if hop.call is None:
        return
    sending.over(hop.call)
    record = hop.call.record
    if record.state is None and "send" in record.marks:
        # The connection itself is named by a response alone. None was opened for this call.
        record.state, record.inferred = "reused", ("state",)
    hop.call.fail(error)
    hop.call.finish(now)


def _warm_up() -> None:
    """Load what the first async request would load, or that would look like a wait for the pool."""
    if importlib.util.find_spec("anyio") is not None:
        importlib.import_module("anyio._backends._asyncio")

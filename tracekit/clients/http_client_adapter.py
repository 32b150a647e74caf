"""Trace what goes out through ``http.client``, and so through ``urllib.request`` and the like."""

from __future__ import annotations

import functools
import http.client
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import TracerProvider

from tracekit.clients import body as bodies
from tracekit.clients import callsite, connect_scope, sending
from tracekit.clients.call import SCOPE, Call
from tracekit.clients.host_context import foreign_client_span, is_http_suppressed, is_suppressed
from tracekit.clients.http_client_body import ResponseHooks
from tracekit.clients.http_client_exchange import (
    LIBRARY,
    Exchange,
    Opening,
    State,
    is_pooled,
    make_state,
    state_of,
)
from tracekit.clients.http_client_opening import Openings
from tracekit.clients.http_client_sending import RequestHooks
from tracekit.clients.http_client_target import describe, proxy_of
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Client
from tracekit.clients.target import span_name
from tracekit.clients.urllib_adapter import is_opener
from tracekit.lean_tracer import LeanTracer

_FOREIGN = ("opentelemetry.instrumentation.urllib",)
_AT_ONCE = 100_000_000
"""A connection opened by hand belongs to a request that follows within so many nanoseconds."""


class HttpClientAdapter:
    """Opens a client span around every exchange on an ``http.client.HTTPConnection``.

    What another adapter is sending passes untouched, as does all that urllib3's connections do.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = LeanTracer(provider, SCOPE)
        self._installed = False
        self._patches = Patches()
        openings = Openings()
        self._openings = openings
        self._parts = (RequestHooks(openings), ResponseHooks())

    def install(self) -> None:
        """Put hooks on connections and responses."""
        for part in self._parts:
            part.install()
        plain, secure = http.client.HTTPConnection, http.client.HTTPSConnection
        self._patches.wrap(plain, "__init__", _making)
        self._patches.wrap(secure, "__init__", _making)
        self._patches.wrap(plain, "connect", self._openings.hook)
        self._patches.wrap(secure, "connect", self._openings.hook)
        self._patches.wrap(plain, "putrequest", self._putrequest)
        self._installed = True

    def uninstall(self) -> None:
        """Put everything back."""
        self._installed = False
        self._patches.restore()
        for part in reversed(self._parts):
            part.uninstall()

    def _putrequest(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def putrequest(
            connection: Any,
            method: str,
            url: str,
            skip_host: bool = False,
            skip_accept_encoding: bool = False,
        ) -> Any:
            # First theirs: a request that cannot be made now or at all must not look as if it was.
            result = original(connection, method, url, skip_host, skip_accept_encoding)
            if not is_pooled(connection):
                self._begin(connection, method, url)
            return result

        return putrequest

    @observer("http.client.begin")
    def _begin(self, connection: Any, method: str, url: str) -> None:
        context = get_current()
        if not self._installed or is_suppressed(context) or _is_sent_by_another():
            return
        foreign = foreign_client_span(_FOREIGN, context)
        if foreign is None and is_http_suppressed(context):
            return
        described = describe(connection, method, url)
        bodies.reap()
        state = make_state(connection)
        if foreign is not None:
            # Their span carries the headers already.
            call = Call.join(self._tracer, LIBRARY, foreign, described)
        else:
            call = self._start(connection, state, span_name(method), described, context)
            state.carrier = call.carried()
        if call.span.is_recording():
            call.record.proxy = proxy_of(connection, url)
            _serve(state, call)
            state.exchange = Exchange(call)

    def _start(
        self, connection: Any, state: State, name: str, described: Any, context: Context
    ) -> Call:
        opening, state.opening = state.opening, None
        if opening is None or connection.sock is None or not _is_just_opened(opening):
            return Call.start(self._tracer, LIBRARY, name, described, context)
        record = opening.record
        call = Call.start(self._tracer, LIBRARY, name, described, context, record.start)
        call.record = record
        return call


def _is_just_opened(opening: Opening) -> bool:
    waited = perf_counter_ns() - opening.record.last
    return waited < _AT_ONCE and opening.parent is trace.get_current_span()


def _is_sent_by_another() -> bool:
    record = connect_scope.current.get()
    if record is not None and record.library != LIBRARY:
        return True
    around = sending.current.get()
    sent = None if around is None else around.call
    return sent is not None and sent.record.library != LIBRARY


def _serve(state: State, call: Call) -> None:
    if state.client is not None:
        state.client.serve(call.record, call.record.start)
    around = sending.current.get()
    if around is not None and is_opener(around.owner):
        around.begin(call)


def _making(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def __init__(connection: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        start = perf_counter_ns()
        original(connection, *args, **kwargs)
        if not is_pooled(connection):
            _made(connection, start)

    return __init__


@observer("http.client.made")
def _made(connection: Any, start: int) -> None:
    now = perf_counter_ns()
    before = state_of(connection)
    site = callsite.find() if before is None or before.client is None else before.client.site
    # HTTPSConnection's own part, the loading of certificates, comes after HTTPConnection's.
    make_state(connection).client = Client(now, now - start, site)

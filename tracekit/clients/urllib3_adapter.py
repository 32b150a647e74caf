"""Trace what goes out through urllib3, and so through requests and whatever else is built on it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from time import perf_counter_ns
from typing import Any, NamedTuple

from opentelemetry.instrumentation.utils import (
    is_http_instrumentation_enabled,
    is_instrumentation_enabled,
)
from opentelemetry.trace import TracerProvider

from tracekit.clients import body as bodies
from tracekit.clients import connect_scope, sending, target
from tracekit.clients.body import Body, is_event_stream
from tracekit.clients.call import SCOPE, Call, foreign_client_span
from tracekit.clients.headers import injected
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients
from tracekit.clients.urllib3_body import BodyHooks
from tracekit.clients.urllib3_connection import ConnectionHooks
from tracekit.clients.urllib3_pool import TimedQueue
from tracekit.phases import ConnectionPhases

_FOREIGN = ("opentelemetry.instrumentation.urllib3", "opentelemetry.instrumentation.requests")


class Hop(NamedTuple):
    """One request being made: what to send instead, and what to undo afterwards."""

    headers: Any
    call: Call | None = None
    scope: Token[ConnectionPhases | None] | None = None
    sending: Token[sending.Sending | None] | None = None


class Urllib3Adapter:
    """Opens a client span around every request that a urllib3 pool sends."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(SCOPE)
        self._installed = False
        self._clients = Clients()
        self._patches = Patches()
        self._parts = (ConnectionHooks(), BodyHooks())

    def install(self) -> None:
        """Put hooks on pools, connections and responses."""
        import urllib3
        from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool

        for part in self._parts:
            part.install()
        made = sending.making(self._clients)
        self._patches.wrap(HTTPConnectionPool, "__init__", made)
        self._patches.wrap(urllib3.PoolManager, "__init__", made)
        self._patches.wrap(urllib3.PoolManager, "urlopen", sending.sending(self._clients))
        self._patches.wrap(HTTPConnectionPool, "urlopen", self._urlopen)
        self._patches.replace(ConnectionPool, "QueueCls", TimedQueue)
        self._installed = True

    def uninstall(self) -> None:
        """Put everything back."""
        self._installed = False
        self._patches.restore()
        for part in reversed(self._parts):
            part.uninstall()

    def _urlopen(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def urlopen(
            pool: Any,
            method: str,
            url: str,
            body: Any = None,
            headers: Any = None,
            *args: Any,
            **kwargs: Any,
        ) -> Any:
            hop = self._begin(pool, method, url, headers)
            if hop is None:
                return original(pool, method, url, body, headers, *args, **kwargs)
            try:
                response = original(pool, method, url, body, hop.headers, *args, **kwargs)
            except BaseException as error:
                _failed(hop, error)
                raise
            _responded(hop, pool, response)
            return response

        return urlopen

    @observer("urllib3.begin")
    def _begin(self, pool: Any, method: str, url: str, headers: Any) -> Hop | None:
        if not self._installed or not is_instrumentation_enabled():
            return None
        described = target.describe(method, pool.scheme, pool.host, pool.port, url)
        foreign = foreign_client_span(_FOREIGN)
        if foreign is not None:
            # Their span carries the headers already.
            call = Call.join(self._tracer, "urllib3", foreign, described)
            return self._enter(pool, call, headers)
        if not is_http_instrumentation_enabled():
            return None
        bodies.reap()
        call = Call.start(self._tracer, "urllib3", target.span_name(method), described)
        sent = injected(pool.headers if headers is None else headers, call.context)
        if not call.span.is_recording():
            return Hop(sent)
        return self._enter(pool, call, sent)

    def _enter(self, pool: Any, call: Call, headers: Any) -> Hop:
        record = call.record
        around, token = sending.current.get(), None
        if around is None:
            around = sending.Sending(pool, self._clients.get(pool))
            token = sending.current.set(around)
        if around.call is not None:
            # urllib3 retries from inside the request that failed: that one ended when it failed.
            around.call.finish(around.call.record.last)
        call.queue = pool.pool
        if pool.proxy is not None:
            call.record.proxy = f"{pool.proxy.host}:{pool.proxy.port}"
        around.begin(call)
        return Hop(headers, call, connect_scope.current.set(record), token)


@observer("urllib3.leave")
def _leave(hop: Hop) -> None:
    around = sending.current.get()
    if around is not None:
        around.end()
    if hop.scope is not None:
        connect_scope.current.reset(hop.scope)
    if hop.sending is not None:
        sending.current.reset(hop.sending)


@observer("urllib3.failed")
def _failed(hop: Hop, error: BaseException) -> None:
    now = perf_counter_ns()
    _leave(hop)
    if hop.call is None or hop.call.done:
        return
    hop.call.fail(error)
    hop.call.finish(now)


@observer("urllib3.responded")
def _responded(hop: Hop, pool: Any, response: Any) -> None:
    now = perf_counter_ns()
    _leave(hop)
    call = hop.call
    if call is None or call.done:
        return
    record = call.record
    record.discards = getattr(pool.pool, "discards", None) or None
    if not response.isclosed():
        if not call.owned:
            call.publish(now)
        record.event_stream = is_event_stream(response.headers.get("content-type"))
        response._tracekit_body = Body(call, encoded="content-encoding" in response.headers)
        return
    # Preloaded or empty: the connection went back to the pool when the last byte was in.
    record.body_bytes = response.tell()
    record.body_complete = True
    receive = record.marks.get("receive")
    released = receive is not None and record.last > receive[0]
    call.finish(record.last if released else now)

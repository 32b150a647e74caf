"""Trace what goes out through urllib3, and so through requests and whatever else is built on it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from time import perf_counter_ns
from typing import Any, NamedTuple

from opentelemetry.context import get_current
from opentelemetry.trace import TracerProvider

from tracekit import attributes as names
from tracekit.clients import body as bodies
from tracekit.clients import callsite, connect_scope, sending, target
from tracekit.clients.body import Body
from tracekit.clients.call import SCOPE, Call
from tracekit.clients.headers import clashes, injected
from tracekit.clients.host_context import foreign_client_span, is_http_suppressed, is_suppressed
from tracekit.clients.observing import observer, restore
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients
from tracekit.clients.urllib3_body import BodyHooks
from tracekit.clients.urllib3_connection import ConnectionHooks
from tracekit.clients.urllib3_pool import TimedQueue
from tracekit.lean_tracer import LeanTracer
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
        self._tracer = LeanTracer(provider, SCOPE)
        self._installed = False
        self._clients = Clients()
        self._patches = Patches()
        self._connecting = ConnectionHooks()
        self._parts = (self._connecting, BodyHooks())

    def install(self) -> None:
        """Put hooks on pools, connections and responses."""
        import urllib3
        from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool

        for part in self._parts:
            part.install()
        made = sending.making(self._clients)
        self._patches.wrap(HTTPConnectionPool, "__init__", made)
        self._patches.wrap(urllib3.PoolManager, "__init__", made)
        self._patches.wrap(urllib3.PoolManager, "_new_pool", self._new_pool)
        self._patches.wrap(HTTPConnectionPool, "urlopen", self._urlopen)
        self._patches.replace(ConnectionPool, "QueueCls", TimedQueue)
        self._installed = True

    def uninstall(self) -> None:
        """Put everything back."""
        self._installed = False
        self._patches.restore()
        for part in reversed(self._parts):
            part.uninstall()

    def _new_pool(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def _new_pool(manager: Any, *args: Any, **kwargs: Any) -> Any:
            pool = original(manager, *args, **kwargs)
            self._belongs(pool, manager)
            return pool

        return _new_pool

    @observer("urllib3.pool_made")
    def _belongs(self, pool: Any, manager: Any) -> None:
        self._clients.belongs(pool, manager)

    def _urlopen(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def urlopen(
            pool: Any,
            method: str,
            url: str,
            body: Any = None,
            headers: Any = None,
            retries: Any = None,
            *args: Any,
            **kwargs: Any,
        ) -> Any:
            hop = self._begin(pool, method, url, headers, retries)
            if hop is None:
                return original(pool, method, url, body, headers, retries, *args, **kwargs)
            try:
                response = original(pool, method, url, body, hop.headers, retries, *args, **kwargs)
            except BaseException as error:
                _leave(hop)
                _failed(hop, error)
                raise
            _leave(hop)
            _responded(hop, pool, response)
            return response

        return urlopen

    @observer("urllib3.begin")
    def _begin(self, pool: Any, method: str, url: str, headers: Any, retries: Any) -> Hop | None:
        if not self._installed:
            return None
        context = get_current()
        if is_suppressed(context):
            return None
        described = target.describe(method, pool.scheme, pool.host, pool.port, url)
        foreign = foreign_client_span(_FOREIGN, context)
        if foreign is not None:
            # Their span carries the headers already; one of requests' covers all redirects.
            again = names.CLIENT_LIBRARY in (getattr(foreign, "attributes", None) or ())
            call = Call.join(self._tracer, "urllib3", foreign, described, again=again)
            return self._enter(pool, call, headers, retries)
        if is_http_suppressed(context):
            return None
        bodies.reap()
        name = target.span_name(method)
        call = Call.start(self._tracer, "urllib3", name, described, context)
        given = pool.headers if headers is None else headers
        carrier = call.carried()
        if not call.span.is_recording():
            return Hop(injected(given, carrier))
        if self._connecting.are_on(pool.ConnectionCls) and not clashes(given, carrier):
            call.carrier = carrier  # the connection writes them: a copy of all the headers is dear
            return self._enter(pool, call, headers, retries)
        return self._enter(pool, call, injected(given, carrier), retries)

    def _enter(self, pool: Any, call: Call, headers: Any, retries: Any) -> Hop:
        record = call.record
        history = getattr(retries, "history", None)
        outer = sending.current.get()
        if outer is not None and not outer.takes(again=bool(history)):
            outer = None
        around = outer or sending.Sending(pool, self._clients.get(pool))
        if around.call is not None:
            # urllib3 retries from inside the request that failed: that one ended when it failed.
            around.call.finish(around.call.record.last)
        call.queue = pool.pool
        if pool.proxy is not None:
            call.record.proxy = f"{pool.proxy.host}:{pool.proxy.port}"
        around.begin(call)
        if history:
            # A PoolManager follows redirects, and so begins anew each time; its retries remember.
            record.resends = max(record.resends, len(history))
            elsewhere = sum(one.redirect_location is not None for one in history)
            record.redirects = max(record.redirects, elsewhere)
            callsite.note(record)
        # Last, when nothing can fail any more: whatever is set here must be given back.
        token = sending.current.set(around) if outer is None else None
        return Hop(headers, call, connect_scope.current.set(record), token)


def _leave(hop: Hop) -> None:
    restore(connect_scope.current, hop.scope)
    restore(sending.current, hop.sending)


@observer("urllib3.failed")
def _failed(hop: Hop, error: BaseException) -> None:
    now = perf_counter_ns()
    if hop.call is None or hop.call.done:
        return
    sending.over(hop.call)
    hop.call.fail(error)
    hop.call.finish(now)


@observer("urllib3.responded")
def _responded(hop: Hop, pool: Any, response: Any) -> None:
    now = perf_counter_ns()
    call = hop.call
    if call is None or call.done:
        return
    sending.over(call)
    record = call.record
    record.discards = getattr(pool.pool, "discards", None) or None
    if not response.isclosed():
        if "content-length" not in response.headers:
            callsite.note(record)  # a stream may stall, which is known when somebody else reads it
        if not call.owned:
            call.publish(now)
        record.response_headers = response.headers
        response._tracekit_body = Body(call, counts=False)
        return
    # Preloaded or empty: the connection went back to the pool when the last byte was in.
    record.body_bytes = response.tell()
    record.body_complete = True
    receive = record.marks.get("receive")
    released = receive is not None and record.last > receive[0]
    call.finish(record.last if released else now)

"""What the ASGI and the WSGI middleware share: one request, from its arrival to its last byte."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context

from tracekit import attributes as names
from tracekit import clock, guard, loop_lag, request_id, timings, w3c
from tracekit.attributes import Values
from tracekit.garbage import collected
from tracekit.logs import leave_on
from tracekit.loop_lag import Watched
from tracekit.propagation import Headers, arriving_context
from tracekit.queueing import Queued, told_by_proxy
from tracekit.request import RequestContext, in_context
from tracekit.scope import finish, record, tracer
from tracekit.sent import Received, Sent
from tracekit.serving import SECRET_HEADERS, Serving

SEEN = "tracekit.seen"
"""In an ASGI scope or a WSGI environ: the exchange of the outermost middleware of ours."""

COMPLETE, CLIENT_LEFT, CANCELLED, ERROR = "complete", "client_left", "cancelled", "error"
"""How a request ends (``tracekit.ended``)."""

# The methods of RFC 9110 and RFC 5789; semconv sends any other as _OTHER, to bound their number.
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)
_SERVER_ERROR = 500
_BODILESS = (204, 304)
_FIELD = request_id.HEADER.lower()
_NOTICEABLE = 20_000_000
"""Nanoseconds after the last byte from which on the application's return is background work.

A server's ``send`` may wait for its turn on a busy event loop, and frameworks wait for tasks of
their own: below 20 ms such a turn and work of the application's cannot be told apart.
"""


class Exchange:
    """One request and its response: the state that belongs to this request alone."""

    __slots__ = (
        "_collected",
        "_ended_at",
        "_ended_how",
        "_first_byte",
        "_is_measured",
        "_span",
        "_start",
        "_status",
        "_verb",
        "arrival",
        "context",
        "lag",
        "late",
        "method",
        "queued",
        "received",
        "request",
        "route",
        "routed",
        "sent",
        "serving",
    )

    def __init__(
        self, method: str, headers: Headers, serving: Serving, caller: Mapping[str, Any]
    ) -> None:
        self._start = clock.now()
        self.method = method if method in _METHODS else "_OTHER"
        self.serving = serving
        is_trusted = serving.trusts(caller)
        trusted = headers if is_trusted else {}
        # Two different IDs are none: joined, as WSGI servers do, they are not acceptable.
        given = trusted.get(_FIELD)
        chosen, replaced = request_id.choose(",".join(given) if given else None)
        self.request = RequestContext(chosen, replaced=replaced)
        self.request.arrival = headers
        if serving.server_timing:
            self.request.timings = []
        self.context = in_context(self.request, arriving_context(trusted, is_trusted))
        self.queued: Queued | None = told_by_proxy(trusted)
        self.received: Received | None = None
        self.sent = Sent()
        self.lag: Watched | None = None
        """Who counts the lags of the event loop, where there is one."""
        self.late: Values = {}
        """What else the span is to say at its end; clean."""
        self.route: str | None = None
        """The template that the framework matched, as soon as it is known."""
        self.routed: Mapping[str, Any] | None = None
        """The scope in which the framework routes, where it tells: middleware may copy scopes."""
        self.arrival: tuple[str, str] | None = None
        """Where a WSGI request's path was cut as it came, for ``wsgi_route``."""
        self._span: Span | None = None
        self._collected = collected()
        self._is_measured = False
        self._first_byte = self._status = self._ended_at = 0
        self._ended_how = self._verb = ""

    def __deepcopy__(self, _memo: Any) -> Exchange:
        """Return the same: an application may copy its whole scope or environ."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave nothing for another process, to which an application may pass its scope."""
        return type(None), ()

    def start(self, described: Values, verb: str | None = None) -> None:
        """Open the server span, with *described* on it. Never raises.

        Its name begins with *verb*, which is the method for None.
        """
        try:
            self._verb = verb or ("HTTP" if self.method == "_OTHER" else self.method)
            # The ID late: a limit on attributes drops the first ones.
            described.update(self.request.attributes())
            described[names.HTTP_METHOD] = self.method
            span = tracer().start_span(
                self._verb,
                self.context,
                SpanKind.SERVER,
                described,
                start_time=self._start,
            )
            self.request.root = self._span = span
            self.context = set_span_in_context(span, self.context)
        except Exception as error:
            guard.fault("server.start", error)

    @property
    def has_body(self) -> bool:
        """Whether a body that the application gives goes out: servers drop some (RFC 9110)."""
        return self.method != "HEAD" and self._status not in _BODILESS

    @property
    def is_open(self) -> bool:
        """Whether the span has started and not ended."""
        return self._span is not None

    @property
    def is_left(self) -> bool:
        """Whether the client had left before its response was whole."""
        return self._ended_how == CLIENT_LEFT

    def respond(self, status: int) -> None:
        """Note the response's *status*, as its headers are handed to the server."""
        self._status = status
        if not (self._first_byte or self._ended_at):  # for a client that has left there is none
            self._first_byte = clock.now() - self._start

    def respond_once(self, status: int) -> None:
        """Note *status* unless the response has one already."""
        if not self._status:
            self.respond(status)

    def headers(self, present: Collection[str]) -> list[tuple[str, str]]:
        """Return the response headers to add to those that are *present*, by lower-case name."""
        added = []
        if _FIELD not in present:
            added.append((request_id.HEADER, self.request.request_id))
        if self.request.timings is not None:
            value = timings.server_timing(self.request.timings, clock.now() - self._start)
            added.append((timings.HEADER, value))
        span = self._span
        if self.serving.traceresponse and span is not None and "traceresponse" not in present:
            told = w3c.headers(span.get_span_context()).get(w3c.TRACEPARENT)
            if told is not None:
                added.append(("traceresponse", told))
        return added

    def last_byte(self, how: str) -> None:
        """End the span, unless it was an error page: then its exception is on its way out."""
        if self._status < _SERVER_ERROR:
            self.end(how=how)
        else:
            self._stop(how)

    def client_left(self) -> None:
        """Let the span end now, whatever the application may still do, say or raise."""
        if self._span is not None:
            self._stop(CLIENT_LEFT)

    def _stop(self, how: str) -> None:
        if not self._ended_at:
            self._ended_at, self._ended_how = clock.now(), how
            self._measure()

    def end(self, error: BaseException | None = None, how: str = COMPLETE) -> None:
        """End the span; again changes nothing. Never raises.

        With *error* it ended by that exception, unless the client had left before.
        """
        if error is not None:
            leave_on(error, self.context)
        span, self._span = self._span, None
        if span is None:
            return
        how = self._ended_how or how
        error, self.request.failure = error or self.request.failure, None
        if how == CLIENT_LEFT:
            error = None
        self._ended_at = self._ended_at or clock.now()
        try:
            self._ended_how = how if error is None else _named(error)
            if span.is_recording():
                self._describe(span, error)
        except Exception as fault:
            guard.fault("server.end", fault)
        finish(span, error, self._ended_at)

    def returned(self, error: BaseException | None = None) -> None:
        """Note that the application has returned; what it did after the end was in the background.

        Never raises.
        """
        if error is not None:
            leave_on(error, self.context)
        try:
            after = clock.now() - self._ended_at if self._ended_at else 0
            if after > _NOTICEABLE or (self._ended_at and isinstance(error, Exception)):
                self._add_background(error)
        except Exception as fault:
            guard.fault("server.background", fault)

    def _add_background(self, error: BaseException | None) -> None:
        span = tracer().start_span(
            "background",
            self.context,
            attributes={names.BACKGROUND: True},
            start_time=self._ended_at,
        )
        if error is not None:
            record(span, error)
        span.end(clock.now())

    def _describe(self, span: Span, error: BaseException | None) -> None:
        # A server answers 500 for an application that failed before it said anything.
        status = self._status = self._status or (500 if isinstance(error, Exception) else 0)
        if self.route is None:
            self.route = self.request.route
        # An error page for a client that has left tells nobody anything: its leaving is why.
        is_failed = status >= _SERVER_ERROR and self._ended_how != CLIENT_LEFT
        if self._ended_how == ERROR or is_failed:
            span.set_status(StatusCode.ERROR)
        if error is None and is_failed:
            self.late[names.ERROR_TYPE] = str(status)
        if self.route:
            span.update_name(f"{self._verb} {self.route}")
        self._measure()
        put_later = getattr(span, "put_later", None)
        if put_later is not None:
            put_later(self._attributes)
        else:
            _put(span, self._attributes())

    def _measure(self) -> None:
        """Note what the process did to the request, up to its end."""
        if not self._is_measured:
            self._is_measured = True
            self._collected = collected() - self._collected
            loop_lag.add(self.late, self.lag)

    def _attributes(self) -> Values:
        """Return what is known at the end; it runs in the exporter's thread, mostly."""
        try:
            return self._known()
        except Exception as error:
            guard.fault("server.attributes", error)
            return {}

    def _known(self) -> Values:
        found: Values = {names.ENDED: self._ended_how, **self.late}
        if self._first_byte:
            found[names.FIRST_BYTE] = self._first_byte
        if self._status:
            found[names.HTTP_STATUS] = self._status
        if self.route:
            found[names.HTTP_ROUTE] = self.route
        if self._collected:
            found[names.GC_TIME] = self._collected
        if self.queued is not None:
            found[names.QUEUE], found[names.QUEUE_SOURCE] = self.queued
        if self.received is not None:
            found.update(self.received.attributes(self._start))
        if self._first_byte:
            found.update(self.sent.attributes(self._start))
        return found


def _put(span: Span, values: Values) -> None:
    if "opentelemetry.sdk.trace" not in sys.modules:  # the import budget: none of the SDK's
        span.set_attributes(values)
        return
    from tracekit.lean_spans import put

    put(span, values)


def is_served(caller: Mapping[str, Any], serving: Serving) -> bool:
    """Tell whether the exchange in *caller*, a scope or an environ, is that of its request.

    One that has ended is of an earlier request: tests use a scope again. An inner middleware whose
    own settings, *serving*, are not those that count is told of, once.
    """
    outer = caller[SEEN]
    if outer is None or not outer.is_open:
        return False
    ignored = serving.ignored_under(outer.serving)
    if ignored:
        guard.warn(
            "server.two_middlewares",
            f"two of tracekit's middlewares serve one request, and {', '.join(ignored)} of the "
            "inner one is ignored: give it to the outer one, and take the inner one away",
        )
    return True


def _named(error: BaseException) -> str:
    return ERROR if isinstance(error, Exception) else CANCELLED


def captured(wanted: Collection[str], headers: Headers, name: Any) -> Values:
    """Return the *wanted* ones of *headers* as attributes, called as *name* says."""
    return {
        name(one): ("[redacted]",) if one in SECRET_HEADERS else tuple(headers[one])
        for one in wanted
        if one in headers
    }

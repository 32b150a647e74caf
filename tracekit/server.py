"""What the ASGI and the WSGI middleware share: one request, from its arrival to its last byte."""

from __future__ import annotations

from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from tracekit import attributes, clock, guard, request_id
from tracekit.propagation import Headers, arriving_context
from tracekit.request import RequestContext, in_context
from tracekit.scope import finish, tracer

SEEN = "tracekit.seen"
"""In an ASGI scope or a WSGI environ: an outer middleware of ours already serves this request."""

# The methods of RFC 9110 and RFC 5789; semconv sends any other as _OTHER, to bound their number.
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)

_FIELD = request_id.HEADER.lower()

Attributes = dict[str, AttributeValue]


class Exchange:
    """One request and its response: the state that belongs to this request alone."""

    __slots__ = (
        "_first_byte",
        "_span",
        "_start",
        "_status",
        "context",
        "method",
        "request",
        "route",
    )

    def __init__(self, method: str, headers: Headers) -> None:
        self.method = method if method in _METHODS else "_OTHER"
        # Two different IDs are none: joined, as WSGI servers do, they are not acceptable.
        given = headers.get(_FIELD)
        chosen, replaced = request_id.choose(",".join(given) if given else None)
        self.request = RequestContext(chosen, replaced=replaced)
        self.request.arrival = headers
        self.context = in_context(self.request, arriving_context(headers))
        self.route: str | None = None
        """The template that the framework matched, as soon as it is known."""
        self._span: Span | None = None
        self._start = clock.now()
        self._first_byte = 0
        self._status = 0

    def start(self, described: Attributes) -> None:
        """Open the server span, with *described* on it. Never raises."""
        try:
            described.update(self.request.attributes())
            described[attributes.HTTP_METHOD] = self.method
            span = tracer().start_span(
                self.method,
                self.context,
                kind=SpanKind.SERVER,
                attributes=described,
                start_time=self._start,
            )
            self.request.root = self._span = span
            self.context = set_span_in_context(span, self.context)
        except Exception as error:
            guard.fault("server.start", error)

    def respond(self, status: int) -> None:
        """Note the response's *status*, as its headers are handed to the server."""
        self._status = status
        if not self._first_byte:
            self._first_byte = clock.now() - self._start

    def end(self, error: BaseException | None = None) -> None:
        """End the span; again changes nothing. Never raises."""
        span, self._span = self._span, None
        if span is None:
            return
        try:
            if span.is_recording():
                self._describe(span, error)
        except Exception as fault:
            guard.fault("server.end", fault)
        finish(span, error)

    def _describe(self, span: Span, error: BaseException | None) -> None:
        # A server answers 500 for an application that failed before it said anything.
        status = self._status or (500 if isinstance(error, Exception) else 0)
        late: Attributes = {attributes.FIRST_BYTE: self._first_byte} if self._first_byte else {}
        if status:
            late[attributes.HTTP_STATUS] = status
        if self.route:
            late[attributes.HTTP_ROUTE] = self.route
        if status >= 500:
            late[attributes.ERROR_TYPE] = str(status)
            span.set_status(StatusCode.ERROR)
        span.set_attributes(late)
        method = "HTTP" if self.method == "_OTHER" else self.method
        span.update_name(f"{method} {self.route}" if self.route else method)

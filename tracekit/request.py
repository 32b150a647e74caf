"""The request that is being served: its ID, its beginning by hand, and its milestones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from opentelemetry.context import Context, get_current
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    get_current_span,
    set_span_in_context,
)

from tracekit import attributes, clock, guard, request_id
from tracekit.attributes import Values
from tracekit.scope import SpanScope, tracer

KEY = "tracekit.request"
"""Where an OpenTelemetry Context keeps the ``RequestContext``."""


class RequestContext:
    """What travels with a request inside this process, in the OpenTelemetry Context."""

    __slots__ = (
        *("arrival", "failure", "is_matched", "replaced", "request_id", "root", "route", "timings"),
    )

    def __init__(self, request_id: str, *, replaced: bool = False) -> None:
        self.request_id = request_id
        self.replaced = replaced
        self.root: Span = INVALID_SPAN
        """The request's first span in this process, once it has started."""
        self.arrival: Mapping[str, Sequence[str]] = {}
        """The headers that told this request from others as it arrived, by lower-case name."""
        self.route: str | None = None
        """The template that the framework matched, where it tells nobody but us."""
        self.is_matched = False
        """Whether a framework that matches more than once has done so, found or not."""
        self.failure: BaseException | None = None
        """The exception that the framework answered with an error page, and let out to nobody."""
        self.timings: list[tuple[str, int]] | None = None
        """Stages that have ended, with their nanoseconds; None where nobody is to be told."""

    def attributes(self) -> Values:
        """Return what the request's root span says about its ID."""
        if self.replaced:
            return {attributes.REQUEST_ID: self.request_id, attributes.REQUEST_ID_REPLACED: True}
        return {attributes.REQUEST_ID: self.request_id}


def request_in(context: Context | None) -> RequestContext | None:
    """Return the request of *context*, or of the current context for ``None``."""
    found = (get_current() if context is None else context).get(KEY)
    return found if isinstance(found, RequestContext) else None


def in_context(request: RequestContext, context: Context) -> Context:
    """Return *context* with *request* in it."""
    return Context({**context, KEY: request})


def current_request_id() -> str | None:
    """Return the ID of the request being served, or None outside of any."""
    request = request_in(None)
    return None if request is None else request.request_id


def mark(name: str) -> None:
    """Record a milestone: its time since the request's start is shown and compared.

    Use it for moments that matter to the user (``mark("first_audio")``). It goes on the current
    span, or on the request's root span where none is recording. Never raises; outside a request it
    does nothing.
    """
    try:
        span = get_current_span()
        request = request_in(None)
        if not span.is_recording() and request is not None:
            span = request.root
        if span.is_recording():
            span.add_event(name, {attributes.MILESTONE: True}, timestamp=clock.now())
    except Exception as error:
        guard.fault("mark", error)


class Request(SpanScope):
    """A request begun by hand; made by ``request()``."""

    def __init__(self, name: str, given: str | UUID | None, context: Context | None) -> None:
        super().__init__()
        self._name = name
        self._given = given
        self._base = context

    def fresh(self) -> Request:
        return Request(self._name, self._given, self._base)

    def __enter__(self) -> RequestContext:
        super().__enter__()
        return request_in(None) or RequestContext("")

    def close(self, error: BaseException | None = None) -> None:
        if error is not None and self.context is not None:
            # Here, because that module asks this one which request is current.
            from tracekit.logs import leave_on

            leave_on(error, self.context)
        super().close(error)

    def _start(self) -> tuple[Span, Context]:
        base = Context() if self._base is None else self._base
        request = self._request(base)
        context = in_context(request, base)
        request.root = tracer().start_span(
            self._name,
            context,
            kind=_kind(base),
            attributes=request.attributes(),
            start_time=clock.now(),
        )
        return request.root, set_span_in_context(request.root, context)

    def _request(self, base: Context) -> RequestContext:
        carried = request_in(base)
        if self._given is None and carried is not None:
            return RequestContext(carried.request_id, replaced=carried.replaced)
        chosen, replaced = request_id.choose(self._given)
        return RequestContext(chosen, replaced=replaced)


def _kind(base: Context) -> SpanKind:
    parent = get_current_span(base).get_span_context()
    return SpanKind.CONSUMER if parent.is_valid and parent.is_remote else SpanKind.INTERNAL


def request(
    name: str, *, request_id: str | UUID | None = None, context: Context | None = None
) -> Request:
    """Begin a request where no server does: a microphone loop, a job, a script.

    ``with request("utterance") as current:`` opens a root span and gives the request
    (``current.request_id``); it also decorates functions. *request_id* continues a known request;
    an ID that is not acceptable is replaced and counted. *context* comes from ``extract`` and
    continues the trace and the request of the sender. Never raises.
    """
    return Request(name, request_id, context)

"""Carry a request across a process border: W3C trace context and the request ID, together."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from opentelemetry import baggage, propagate
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    TextMapPropagator,
    default_getter,
)
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    get_current_span,
    set_span_in_context,
)

from tracekit import guard, w3c
from tracekit.baggage_header import BAGGAGE, well_formed
from tracekit.propagators import REQUEST_ID, is_w3c, named_in, parts_of, text
from tracekit.propagators import RequestIdPropagator as RequestIdPropagator
from tracekit.propagators import TracekitPropagator as TracekitPropagator
from tracekit.request import RequestContext, request_in
from tracekit.request_id import HEADER
from tracekit.w3c import TRACEPARENT, TRACESTATE

Headers = dict[str, list[str]]
"""Lower-case names, each with all its values in order."""

_FIELD = HEADER.lower()
_TOO_FAR_INSIDE = (
    "a server span outside of the middleware continues the trace of a caller that is not trusted: "
    "put the middleware around the whole application"
)


class _HeadersGetter(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        return carrier.get(key.lower())

    def keys(self, carrier: Headers) -> list[str]:
        return list(carrier)


_GETTER = _HeadersGetter()


class _WithRequestId(CompositePropagator):
    """The host's propagators, with our two; a class of its own so that a second init can see it.

    FastAPI's own telemetry reads a request's headers once more, inside our server span. It gets the
    context that is already there, or its spans would leave the request for a trace of their own.
    """

    def __init__(self, existing: TextMapPropagator) -> None:
        parts = [*parts_of(existing)]
        super().__init__([*parts, REQUEST_ID])
        self.is_w3c = is_w3c(parts)

    def is_w3c_alone(self, context: Context) -> bool:
        """Tell whether *context* sends nothing but a trace, as W3C has it, and a request ID."""
        return self.is_w3c and not (context and baggage.get_all(context))

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return the context that *carrier* continues; the current one if it began this request."""
        request = request_in(None) if context is None else None
        if request is not None and _arrived_with(request, carrier, getter):
            return get_current()
        return super().extract(carrier, context, getter)


def carried(span: Span, context: Context) -> dict[str, str]:
    """Return the headers by which a request from *context*, traced by *span*, is sent along.

    Where the global propagator is OpenTelemetry's default with ours, by a shorter way.
    """
    textmap = propagate.get_global_textmap()
    if type(textmap) is not _WithRequestId or not textmap.is_w3c_alone(context):
        carrier: dict[str, str] = {}
        textmap.inject(carrier, set_span_in_context(span, context))
        return carrier
    carrier = w3c.headers(span.get_span_context())
    request = request_in(context)
    if request is not None:
        carrier[HEADER] = request.request_id
    return carrier


def _arrived_with(request: RequestContext, carrier: CarrierT, getter: Getter[CarrierT]) -> bool:
    arrival = request.arrival
    return bool(arrival) and all(
        list(getter.get(carrier, name) or ()) == list(arrival.get(name, ()))
        for name in ("host", "traceparent", _FIELD)
    )


def install() -> None:
    """Add the request ID to the global propagator, keeping what is there. Twice is once.

    Only OpenTelemetry's reader of W3C headers gives way to ours, which keeps all of its rules.
    """
    existing = propagate.get_global_textmap()
    if not isinstance(existing, _WithRequestId):
        propagate.set_global_textmap(_WithRequestId(existing))


@functools.lru_cache(maxsize=4)
def _fields(propagator: TextMapPropagator) -> frozenset[str]:
    return frozenset(field.lower() for field in propagator.fields) | {_FIELD, "host"}


def wanted_headers() -> frozenset[str]:
    """Return the lower-case names of the headers that continue a request or tell it from others."""
    return _fields(propagate.get_global_textmap())


def remote_context(headers: Headers) -> Context:
    """Return the context of the trace that *headers* continue; an empty one where there is none.

    The request ID is not looked at: the caller has to answer for the one it was given. With two
    ``traceparent`` headers neither can be trusted, so a new trace begins (W3C). Never raises.
    """
    if TRACEPARENT not in headers and headers.keys() <= {"host", _FIELD}:
        return Context()
    textmap = propagate.get_global_textmap()
    if type(textmap) is _WithRequestId and textmap.is_w3c and BAGGAGE not in headers:
        return w3c.continued(headers)  # what the others would add to: nothing
    left_out = {_FIELD}
    if len(headers.get(TRACEPARENT, ())) > 1:  # ours knows that, a host's own may not
        left_out |= {TRACEPARENT, TRACESTATE}
    headers = {name: values for name, values in headers.items() if name not in left_out}
    if BAGGAGE in headers:
        headers[BAGGAGE] = well_formed(headers[BAGGAGE])
    try:
        return textmap.extract(headers, Context(), getter=_GETTER)
    except Exception as error:
        guard.fault("propagation.extract", error)
        return Context()


def arriving_context(headers: Headers, is_trusted: bool = True) -> Context:
    """Return the context in which the request that came with *headers* is to be served.

    It is the remote one, unless an instrumentation outside of ours has already opened a server span
    for this very request: then its context goes on. A span that the server's loop leaked from an
    earlier request has ended, or has another parent. Of a caller that is not trusted, whose baggage
    that instrumentation has read, only the span goes on. Never raises.
    """
    remote = remote_context(headers)
    outer = get_current_span()
    if not outer.is_recording() or not _serves(outer, remote):
        if not is_trusted and _trusts_callers(outer):
            guard.warn("asgi.trust_incoming", _TOO_FAR_INSIDE)
        return remote
    return get_current() if is_trusted else set_span_in_context(outer, remote)


def _serves(outer: Span, remote: Context) -> bool:
    """Tell whether *outer* is a foreign server span of the request that continues *remote*."""
    request = request_in(None)
    if getattr(outer, "kind", None) is not SpanKind.SERVER or (request and request.root is outer):
        return False
    return _ids(getattr(outer, "parent", None)) == _ids(get_current_span(remote).get_span_context())


def _trusts_callers(outer: Span) -> bool:
    """Tell whether *outer* is a server span that has continued its caller's trace."""
    parent = getattr(outer, "parent", None)
    is_server = outer.is_recording() and getattr(outer, "kind", None) is SpanKind.SERVER
    return is_server and parent is not None and parent.is_remote


def _ids(parent: SpanContext | None) -> tuple[int, int] | None:
    return (parent.trace_id, parent.span_id) if parent is not None and parent.is_valid else None


def inject(carrier: MutableMapping[str, str], context: Context | None = None) -> None:
    """Write the current trace and request ID into *carrier*, as string keys and values.

    Use it before a message leaves through a queue, a websocket or a subprocess (its environment or
    its arguments as JSON); the other side calls ``extract``. What an earlier ``inject`` left in it
    is replaced. Never raises.
    """
    try:
        if request_in(context) is not None:
            for name in named_in(carrier):
                del carrier[name]
        propagate.inject(carrier, context)
        REQUEST_ID.inject(carrier, context)
    except Exception as error:
        guard.fault("inject", error)


def extract(carrier: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> Context:
    """Return the OpenTelemetry Context that ``inject`` wrote into *carrier*.

    Keys match in any case; names and values may be ``str`` or ``bytes``, as a mapping or as pairs.
    Give the result to ``request(..., context=)``. Anything unusable gives an empty Context; never
    raises.
    """
    try:
        headers = _headers(carrier)
        return REQUEST_ID.extract(headers, remote_context(headers), _GETTER)
    except Exception as error:
        guard.fault("extract", error)
        return Context()


def _headers(carrier: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> Headers:
    headers: Headers = {}
    for name, value in carrier.items() if isinstance(carrier, Mapping) else carrier:
        values = value if isinstance(value, (list, tuple)) else [value]
        headers.setdefault(text(name).lower(), []).extend(map(text, values))
    return headers

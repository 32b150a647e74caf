"""The propagators of ours: the request ID's, and the one that joins it with W3C's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tracekit.request import RequestContext, in_context, request_in
from tracekit.request_id import HEADER, choose
from tracekit.w3c import TraceContextPropagator

_FIELD = HEADER.lower()


class RequestIdPropagator(TextMapPropagator):
    """Writes and reads ``X-Request-ID``; ``init`` adds it to the global propagator."""

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the ID of the request in *context* into *carrier*, unless it names one already."""
        request = request_in(context)
        if request is not None and not named_in(carrier):
            setter.set(carrier, HEADER, request.request_id)

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return *context* with the request that *carrier* names, if it names one."""
        base = Context() if context is None else context
        values = getter.get(carrier, _FIELD)
        if not values:
            return base
        chosen, replaced = choose(",".join(values))
        return in_context(RequestContext(chosen, replaced=replaced), base)

    @property
    def fields(self) -> set[str]:
        """The header that ``inject`` writes."""
        return {_FIELD}


def named_in(carrier: Any) -> list[Any]:
    """Return the keys of *carrier* under which its caller has set a request ID by hand."""
    if not isinstance(carrier, Mapping):
        return []
    return [name for name in carrier if text(name).lower() == _FIELD]


def text(value: object) -> str:
    """Return a header's name or value, which may be bytes, as a string."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


REQUEST_ID = RequestIdPropagator()
W3C = TraceContextPropagator()
_KNOWN = (TraceContextPropagator, W3CBaggagePropagator)


class TracekitPropagator(CompositePropagator):
    """The trace and the request ID in one, for ``OTEL_PROPAGATORS=tracekit,baggage``."""

    def __init__(self) -> None:
        super().__init__([W3C, REQUEST_ID])


def parts_of(propagator: TextMapPropagator) -> Iterator[TextMapPropagator]:
    """Give what *propagator* is made of, without the request ID.

    OpenTelemetry's reader of W3C's headers gives way to ours, which keeps all of its rules; all
    else stays as the host has it.
    """
    kind = type(propagator)
    if kind in (CompositePropagator, TracekitPropagator):
        for part in getattr(propagator, "_propagators", ()):
            yield from parts_of(part)
    elif kind in (TraceContextTextMapPropagator, TraceContextPropagator):
        yield W3C
    elif kind is not RequestIdPropagator:
        yield propagator


def is_w3c(parts: Collection[TextMapPropagator]) -> bool:
    """Tell whether *parts* carry a trace as W3C has it, and nothing else but baggage."""
    return W3C in parts and all(type(part) in _KNOWN for part in parts)

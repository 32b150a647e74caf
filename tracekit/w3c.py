"""W3C Trace Context, level 2, to the letter: ``traceparent`` and ``tracestate``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from tracekit import guard
from tracekit.tracestate import TraceState

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"

_KNOWN_FLAGS = 0b11
"""Sampled, and random trace ID: level 2 has all others set to zero."""
_FLAGS = tuple(TraceFlags(value) for value in range(_KNOWN_FLAGS + 1))
# Of a later version whatever follows the flags after a dash is ignored; version 00 has no such
# rest, and version ff is none.
_PARENT = re.compile(
    r"[ \t]*(?!ff|00.{53}-)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})"
    r"-([0-9a-f]{2})(?:-.*)?[ \t]*"
)


class TraceContextPropagator(TextMapPropagator):
    """Reads and writes the two headers; ``init`` puts it where OpenTelemetry's own was."""

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return *context* with the span that *carrier* names; *context* if it names none.

        Without a single, valid ``traceparent`` the ``tracestate`` counts for nothing. An invalid
        ``tracestate`` is dropped as a whole. Never raises.
        """
        base = Context() if context is None else context
        try:
            values = getter.get(carrier, TRACEPARENT)
            return _under(values, getter.get(carrier, TRACESTATE), base) if values else base
        except Exception as error:
            guard.fault("w3c.extract", error)
            return base

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the span that is current in *context* into *carrier*, if there is one."""
        for name, value in headers(get_current_span(context).get_span_context()).items():
            setter.set(carrier, name, value)

    @property
    def fields(self) -> set[str]:
        """The headers that ``inject`` writes."""
        return {TRACEPARENT, TRACESTATE}


def continued(arrived: Mapping[str, list[str]]) -> Context:
    """Return the context of the span that headers which *arrived*, by lower-case name, continue.

    What ``extract`` does for one of ours, without a getter's calls. Never raises.
    """
    try:
        values = arrived.get(TRACEPARENT)
        return _under(values, arrived.get(TRACESTATE), Context()) if values else Context()
    except Exception as error:
        guard.fault("w3c.continued", error)
        return Context()


def headers(own: SpanContext) -> dict[str, str]:
    """Return the headers that name *own* to the next service; none for a span that is none."""
    # A tuple: each of its properties would be a call.
    trace_id, span_id, _is_remote, flags, state, is_valid = own
    if not is_valid:
        return {}
    named = {TRACEPARENT: f"00-{trace_id:032x}-{span_id:016x}-{flags & _KNOWN_FLAGS:02x}"}
    if state:
        named[TRACESTATE] = state.to_header()
    return named


def _under(values: list[str], states: list[str] | None, base: Context) -> Context:
    parent = _remote(values, states)
    return base if parent is None else set_span_in_context(NonRecordingSpan(parent), base)


def _remote(values: list[str], states: list[str] | None) -> SpanContext | None:
    if len(values) != 1:  # two parents: neither can be trusted
        return None
    found = _PARENT.fullmatch(values[0])
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    return SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        True,
        _FLAGS[int(flags, 16) & _KNOWN_FLAGS],
        TraceState.from_header(states) if states else None,
    )

"""Start lean spans with the provider's own sampler, processors, ids and resource."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    TraceState,
    get_current_span,
)
from opentelemetry.util.types import Attributes

from tracekit import clock
from tracekit.attributes import Values
from tracekit.lean_spans import MOST_ATTRIBUTES, MOST_EVENTS, LeanSpan

_NEEDED = ("sampler", "resource", "span_processor", "id_generator", "_span_limits", "_is_enabled")
_UNSET = Status(StatusCode.UNSET)
_SAMPLED, _RANDOM = 1, 2
"""Trace flags of W3C level 2: the trace is sampled; its ID is random."""
_FLAGS = tuple(TraceFlags(value) for value in range(4))


class LeanTracer:
    """Starts lean spans, and the SDK's where a limit on attributes or another SDK is in the way."""

    def __init__(self, provider: TracerProvider, name: str) -> None:
        self._tracer: Any = provider.get_tracer(name)
        own = getattr(self._tracer, "_instrumentation_scope", None)
        self._scope = own or InstrumentationScope(name)
        limits = getattr(self._tracer, "_span_limits", None)
        self._most: int | None = getattr(limits, "max_span_attributes", None)
        self._is_lean = isinstance(provider, SdkTracerProvider) and _is_known(self._tracer)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Values | None = None,
        start_time: int | None = None,
    ) -> Span:
        """Start a span as OpenTelemetry's tracer does.

        *attributes* must be clean, and become the span's own: nobody else may write on them.
        """
        if not self._is_lean or not self._tracer._is_enabled():
            if attributes and self._most is not None and len(attributes) > self._most:
                # The SDK would drop the first ones too, but log each.
                kept = islice(attributes.items(), len(attributes) - self._most, None)
                attributes = dict(kept)
            span: Span = self._tracer.start_span(
                name, context, kind, attributes, start_time=start_time
            )
            return span
        return self._start(name, context, kind, attributes or {}, start_time)

    def add(self, name: str, context: Context, attributes: Values, start_time: int) -> Span:
        """Start a child of the span in *context* that is part of it, whatever a sampler thinks."""
        parent = get_current_span(context).get_span_context()
        if not self._is_lean or not parent.trace_flags.sampled:
            return self.start_span(name, context, attributes=attributes, start_time=start_time)
        span_id = self._tracer.id_generator.generate_span_id()
        own = SpanContext(parent.trace_id, span_id, False, parent.trace_flags, parent.trace_state)
        span = self._make(name, own, parent, attributes, SpanKind.INTERNAL, start_time)
        self._tracer.span_processor.on_start(span, parent_context=context)
        return span

    def _start(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        attributes: Values,
        start_time: int | None,
    ) -> Span:
        tracer = self._tracer
        around = get_current_span(context).get_span_context()
        parent = around if around.is_valid else None
        trace_id, random = self._trace(parent)
        state: TraceState | None
        if tracer.sampler is DEFAULT_ON and (parent is None or parent.trace_flags & _SAMPLED):
            # What that sampler will say, without the four calls in which it does.
            is_recording, sampled, state = True, _SAMPLED, parent.trace_state if parent else None
        else:
            verdict = tracer.sampler.should_sample(context, trace_id, name, kind, attributes, ())
            is_recording, state = verdict.decision.is_recording(), verdict.trace_state
            sampled = _SAMPLED if verdict.decision.is_sampled() else 0
            attributes = _merged(attributes, verdict.attributes)
        span_id = tracer.id_generator.generate_span_id()
        own = SpanContext(trace_id, span_id, False, _FLAGS[random | sampled], state)
        if not is_recording:
            return NonRecordingSpan(own)
        started = clock.now() if start_time is None else start_time
        span = self._make(name, own, parent, attributes, kind, started)
        tracer.span_processor.on_start(span, parent_context=context)
        return span

    def _trace(self, parent: SpanContext | None) -> tuple[int, int]:
        if parent is not None:
            return parent.trace_id, parent.trace_flags & _RANDOM
        ids = self._tracer.id_generator
        is_random = getattr(ids, "is_trace_id_random", bool)()
        return ids.generate_trace_id(), _RANDOM if is_random else 0

    def _make(
        self,
        name: str,
        own: SpanContext,
        parent: SpanContext | None,
        attributes: Values,
        kind: SpanKind,
        started: int,
    ) -> LeanSpan:
        # By position: a call with these as keywords takes half as long again.
        span: LeanSpan = LeanSpan(
            name, own, parent, self._tracer.resource, attributes, (), (), kind, None, _UNSET,
            started, None, self._scope,
        )  # fmt: skip
        span._processor = self._tracer.span_processor
        return span


def _merged(given: Values, wanted: Attributes) -> Values:
    # A sampler may add attributes of its own, which nobody has checked.
    return given if wanted == given else dict(BoundedAttributes(attributes=wanted))


def _is_known(tracer: Tracer) -> bool:
    if type(tracer) is not SdkTracer or not all(hasattr(tracer, name) for name in _NEEDED):
        return False
    limits: Any = tracer._span_limits
    lengths = (limits.max_attribute_length, limits.max_span_attribute_length)
    attributes: Sequence[int | None] = (limits.max_span_attributes, limits.max_attributes)
    events: Sequence[int | None] = (limits.max_events, limits.max_links)
    return (
        lengths == (None, None)
        and all(one is None or one >= MOST_ATTRIBUTES for one in attributes)
        and all(one is None or one >= MOST_EVENTS for one in events)
    )

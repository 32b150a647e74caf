"""The short way to a request's headers gives what OpenTelemetry's propagators write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator, default_setter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tracekit import propagation
from tracekit.lean_tracer import LeanTracer
from tracekit.request import RequestContext, in_context


class Vendors(TextMapPropagator):
    """A format of a host's own, beside W3C's or in its place."""

    def extract(self, carrier, context=None, getter=None):
        return context

    def inject(self, carrier, context=None, setter=default_setter):
        own = get_current_span(context).get_span_context()
        setter.set(carrier, "X-Vendor-Trace", format(own.trace_id, "032x"))

    @property
    def fields(self):
        return {"x-vendor-trace"}


W3C, BAGGAGE = TraceContextTextMapPropagator(), W3CBaggagePropagator()
PROPAGATORS = {
    "the default": lambda: CompositePropagator([W3C, BAGGAGE]),
    "the trace alone": lambda: W3C,
    "baggage alone": lambda: BAGGAGE,
    "none at all": lambda: CompositePropagator([]),
    "a vendor's": Vendors,
    "a vendor's beside": lambda: CompositePropagator([W3C, BAGGAGE, Vendors()]),
}
TRACER = LeanTracer(TracerProvider(shutdown_on_exit=False), "test")

keys = st.text("abcdefgh", min_size=1, max_size=5)
values = st.text("abcxyz019-_", min_size=1, max_size=8)
spans_around = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.integers(0, 3).map(TraceFlags),
    st.none() | st.dictionaries(keys, values, max_size=3).map(lambda one: TraceState(one.items())),
)


@st.composite
def contexts(draw):
    """A context with or without a span, baggage and a request."""
    context = Context()
    if draw(st.booleans()):
        context = set_span_in_context(NonRecordingSpan(draw(spans_around)), context)
    for key, value in draw(st.dictionaries(keys, st.text(max_size=8), max_size=2)).items():
        context = baggage.set_baggage(key, value, context)
    if draw(st.booleans()):
        context = in_context(RequestContext(draw(values)), context)
    return context


def started(context):
    return TRACER.start_span("GET", context)


@pytest.fixture(params=PROPAGATORS.values(), ids=PROPAGATORS, scope="module")
def composite(request):
    """The global propagator: each of these, with ours."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(request.param())
    propagation.install()
    yield propagate.get_global_textmap()
    propagate.set_global_textmap(before)


def injected(span, context):
    carrier = {}
    propagate.inject(carrier, set_span_in_context(span, context))
    return carrier


@settings(max_examples=40)  # for each of the propagators
@given(contexts())
def test_what_a_started_span_carries_is_what_the_propagators_write(composite, context):
    span = started(context)

    assert propagation.carried(span, context) == injected(span, context)


@settings(max_examples=40)  # for each of the propagators
@given(contexts(), spans_around)
def test_so_is_what_a_span_carries_that_does_not_record(composite, context, around):
    span = NonRecordingSpan(around)

    assert propagation.carried(span, context) == injected(span, context)


@settings(max_examples=40)  # for each of the propagators
@given(contexts())
def test_so_is_what_goes_out_without_any_span(composite, context):
    assert propagation.carried(INVALID_SPAN, context) == injected(INVALID_SPAN, context)


def test_a_propagator_set_after_ours_has_the_last_word(composite):
    propagate.set_global_textmap(Vendors())
    try:
        assert set(propagation.carried(started(Context()), Context())) == {"X-Vendor-Trace"}
    finally:
        propagate.set_global_textmap(composite)

"""Lean spans start as the SDK's do: with the same provider, the two are compared."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_ON,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from tracekit.lean_spans import LeanSpan, put
from tracekit.lean_tracer import LeanTracer
from tracekit.server import Exchange
from tracekit.serving import Serving
from tracekit.testing import Capture

GIVEN = {"http.request.method": "GET", "server.port": 80}


class CountedIds(IdGenerator):
    """The same IDs in every provider: two spans can be compared with everything they have."""

    def __init__(self, random=False):
        self._next = 0x5EED
        self._random = random

    def generate_span_id(self):
        self._next += 1
        return self._next

    def generate_trace_id(self):
        return 0xFEED << 100 | self._next

    def is_trace_id_random(self):
        return self._random


class Verdict(Sampler):
    """Says what it is told to say; ``asked`` are the arguments it was asked with."""

    def __init__(self, decision, attributes=None, state=None):
        self._result = decision, attributes, state
        self.asked = []

    def should_sample(
        self, parent_context, trace_id, name, kind=None, attributes=None, links=None, *rest, **more
    ):
        self.asked.append((parent_context, trace_id, name, kind, dict(attributes), list(links)))
        decision, wanted, state = self._result
        return SamplingResult(decision, {**attributes, **wanted} if wanted else attributes, state)

    def get_description(self):
        return "as told"


STATE = TraceState([("vendor", "value")])
ADDED = {"tier": 1, "tags": ["a", "b"], "unclean": object()}
SAMPLERS = {
    "default": lambda: DEFAULT_ON,
    "always on": lambda: ALWAYS_ON,
    "always off": lambda: ALWAYS_OFF,
    "none of all": lambda: TraceIdRatioBased(0),
    "some of all": lambda: TraceIdRatioBased(0.5),
    "as the parent": lambda: ParentBasedTraceIdRatio(0.5),
    "record only": lambda: Verdict(Decision.RECORD_ONLY),
    "adds attributes": lambda: Verdict(Decision.RECORD_AND_SAMPLE, ADDED),
    "adds a state": lambda: Verdict(Decision.RECORD_AND_SAMPLE, None, STATE),
    "drops with a state": lambda: Verdict(Decision.DROP, None, STATE),
}


def parent(flags, *, remote=True, state=None):
    around = SpanContext(0xABCDEF << 64 | 0x123456, 0x77, remote, TraceFlags(flags), state)
    return set_span_in_context(NonRecordingSpan(around), Context())


PARENTS = {
    "no parent": Context(),
    "sampled parent": parent(1, state=STATE),
    "unsampled parent": parent(0, state=STATE),
    "random parent": parent(3),
    "random unsampled parent": parent(2, remote=False),
}


def told(span):
    """Everything a span says of itself, as far as it does not depend on who made it."""
    context = span.get_span_context()
    identity = (*context, context.trace_state.to_header())
    if not span.is_recording():
        return identity
    return identity, dict(span.attributes), span.parent, span.kind, span.start_time, span.name


def both(make, around):
    """Start the same span with two providers as *make* makes them, lean and by the SDK."""
    arguments = ("GET", around, SpanKind.CLIENT)
    lean = LeanTracer(make(), "test").start_span(*arguments, {**GIVEN}, 5)
    theirs = make().get_tracer("test").start_span(*arguments, {**GIVEN}, start_time=5)
    return lean, theirs


@pytest.mark.parametrize("around", PARENTS.values(), ids=PARENTS)
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("random", [True, False], ids=["random", "not random"])
def test_whatever_the_sampler_and_the_parent_the_span_is_the_sdks(sampler, around, random):
    def make():
        ids = CountedIds(random)
        return TracerProvider(sampler=sampler(), id_generator=ids, shutdown_on_exit=False)

    lean, theirs = both(make, around)

    assert told(lean) == told(theirs)
    assert isinstance(lean, LeanSpan) == lean.is_recording()


def test_a_sampler_is_asked_what_the_sdk_asks():
    made = []

    def make():
        made.append(Verdict(Decision.DROP))
        return TracerProvider(sampler=made[-1], id_generator=CountedIds(), shutdown_on_exit=False)

    both(make, PARENTS["sampled parent"])

    ours, theirs = made
    assert ours.asked == theirs.asked


class Raising(Sampler):
    def should_sample(self, *_args, **_options):
        raise ValueError("no verdict")

    def get_description(self):
        return "raising"


def test_a_sampler_that_raises_raises_as_in_the_sdk():
    provider = TracerProvider(sampler=Raising(), shutdown_on_exit=False)
    for tracer in (provider.get_tracer("test"), LeanTracer(provider, "test")):
        with pytest.raises(ValueError, match="no verdict"):
            tracer.start_span("GET")


def test_without_a_context_the_current_one_is_taken():
    provider = TracerProvider(shutdown_on_exit=False)
    with provider.get_tracer("test").start_as_current_span("work") as work:
        span = LeanTracer(provider, "test").start_span("GET")

    assert span.parent == work.get_span_context()


def test_ids_are_those_of_the_providers_generator():
    provider = TracerProvider(id_generator=CountedIds(), shutdown_on_exit=False)
    own = LeanTracer(provider, "test").start_span("GET", Context()).get_span_context()

    assert (own.trace_id, own.span_id) == (0xFEED << 100 | 0x5EED, 0x5EEE)


def test_the_resource_and_the_scope_stand_on_the_span():
    resource = Resource({"service.name": "orders"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    lean = LeanTracer(provider, "tracekit.clients").start_span("GET")
    theirs = provider.get_tracer("tracekit.clients").start_span("GET")

    assert lean.resource is resource is theirs.resource
    assert lean.instrumentation_scope == theirs.instrumentation_scope


def test_processors_hear_of_the_start_with_its_context():
    heard = []

    class Hears(SpanProcessor):
        def on_start(self, span, parent_context=None):
            heard.append((span.name, parent_context))

    provider = TracerProvider(shutdown_on_exit=False)
    tracer = LeanTracer(provider, "test")
    provider.add_span_processor(Hears())  # after the tracer: a provider takes them at any time
    tracer.start_span("GET", PARENTS["sampled parent"])

    assert heard == [("GET", PARENTS["sampled parent"])]


def test_a_span_that_is_only_recorded_reaches_processors_and_is_not_sampled():
    captured = Capture()
    provider = TracerProvider(sampler=Verdict(Decision.RECORD_ONLY), shutdown_on_exit=False)
    provider.add_span_processor(captured)
    LeanTracer(provider, "test").start_span("GET").end()

    (span,) = captured.spans
    assert not span.context.trace_flags.sampled


class Another(trace.TracerProvider):
    """The provider of another SDK: its tracers are not OpenTelemetry's."""

    def get_tracer(self, *_args, **_options):
        return self

    def start_span(self, name, *_args, **options):
        return NonRecordingSpan(SpanContext(1, 2, False))


@pytest.mark.parametrize("provider", [Another(), trace.NoOpTracerProvider()], ids=["own", "no-op"])
def test_the_provider_of_another_sdk_makes_its_own_spans(provider):
    span = LeanTracer(provider, "test").start_span("GET", None, SpanKind.CLIENT, {**GIVEN}, 5)

    assert not isinstance(span, LeanSpan)
    put(span, GIVEN)


LIMITS = {
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "5",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "5",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "7",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "7",
}


def limited(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.delenv(name)
    return LeanTracer(provider, "test").start_span("GET", None, SpanKind.CLIENT, {**GIVEN}, 5)


@pytest.mark.parametrize("name", LIMITS)
def test_where_a_limit_could_touch_a_span_it_is_the_sdks(monkeypatch, name):
    span = limited(monkeypatch, name, LIMITS[name])

    assert span.is_recording()
    assert not isinstance(span, LeanSpan)


@pytest.mark.parametrize("name", [name for name in LIMITS if "COUNT" in name])
def test_of_more_attributes_than_the_limit_the_first_stay_and_nobody_is_told(
    monkeypatch, caplog, name
):
    span = limited(monkeypatch, name, "5")
    put(span, {f"later.{number}": number for number in range(50)})
    put(span, {"last": 1})

    assert list(span.attributes) == [*GIVEN, "later.0", "later.1", "later.2"]
    assert caplog.records == []


def test_a_limit_leaves_the_request_id_on_the_server_span_and_nobody_is_told(monkeypatch, caplog):
    ended = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=6), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ended))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    exchange = Exchange("GET", {"x-request-id": ["turn-7"]}, Serving(), {})
    exchange.start({f"described.{number}": number for number in range(8)})
    exchange.respond(200)
    exchange.end()

    (span,) = ended.get_finished_spans()
    assert span.attributes["tracekit.request_id"] == "turn-7"
    assert len(span.attributes) == 6
    assert caplog.records == []


def test_values_are_cut_to_the_limit(monkeypatch):
    span = limited(monkeypatch, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7")
    put(span, {"url.full": "http://somewhere"})

    assert span.attributes["url.full"] == "http://"


def test_limits_that_a_call_cannot_reach_leave_its_span_lean():
    limits = SpanLimits(max_attributes=1000, max_span_attributes=500)
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)

    assert isinstance(LeanTracer(provider, "test").start_span("GET"), LeanSpan)


@pytest.mark.parametrize("sampled", [0, 1])
def test_a_part_that_is_added_is_sampled_as_what_it_is_part_of(sampled):
    captured = Capture()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(captured)
    around = parent(sampled, remote=False)
    part = LeanTracer(provider, "test").add("receive", around, {"bytes": 1}, 5)
    part.end(9)

    assert len(captured.spans) == sampled
    assert part.get_span_context().trace_id == 0xABCDEF << 64 | 0x123456

"""Lean spans, seen by whoever looks into the SDK's spans."""

from __future__ import annotations

import copy
import io
import json
import threading

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.export import (
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tracekit.lean_spans import LeanSpan
from tracekit.lean_tracer import LeanTracer

START, END = 1_000_000_000, 1_500_000_000
PUBLIC = {"http.request.method": "GET", "http.response.status_code": 200}
SECRET = {"url.full": "https://somewhere/secret"}
TIMES = {"tracekit.phase.wait": (5, 9)}


@pytest.fixture
def provider():
    return TracerProvider(shutdown_on_exit=False)


def started(provider):
    span = LeanTracer(provider, "test").start_span("GET", None, SpanKind.CLIENT, {**PUBLIC}, START)
    assert isinstance(span, LeanSpan)
    return span


def ended(provider):
    """Start and end a span as a call does: most of it is put together when it is read."""
    span = started(provider)
    span.put_later(lambda: {**SECRET, **TIMES})
    span.end(END)
    return span


ALL = {**PUBLIC, **SECRET, **TIMES}


class Ended(SpanProcessor):
    """Does something to each span that ends; ``what`` came of it."""

    def __init__(self, work):
        self._work = work
        self.what = []

    def on_end(self, span):
        self.what.append(self._work(span))


def exported(provider, *before):
    """Return a span as an exporter gets it after the processors *before*."""
    exporter = InMemorySpanExporter()
    for processor in before:
        provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    ended(provider)
    (span,) = exporter.get_finished_spans()
    return span


def opened_by_force(span):
    held = span._attributes
    assert held._immutable
    held._immutable = False
    try:
        held["url.full"] = "masked"
        del held["tracekit.phase.wait"]
    finally:
        held._immutable = True


def test_a_processor_that_opens_the_attributes_by_force_changes_what_is_exported(provider):
    span = exported(provider, Ended(opened_by_force))

    assert dict(span.attributes) == {**PUBLIC, "url.full": "masked"}


def test_attributes_that_a_processor_replaces_stay_replaced(provider):
    def redact(span):
        span._attributes = {**PUBLIC}

    assert dict(exported(provider, Ended(redact)).attributes) == PUBLIC


class Redacting(SpanExporter):
    """Exports copies whose attributes it has replaced, as redacting exporters do."""

    def __init__(self, inner, copied):
        self._inner, self._copied = inner, copied

    def export(self, spans):
        cleaned = []
        for span in spans:
            twin = self._copied(span)
            twin._attributes = {**PUBLIC}
            cleaned.append(twin)
        return self._inner.export(cleaned)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_redacted_copy_says_nothing_more_and_leaves_the_span_whole(provider, copied):
    inner = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(Redacting(inner, copied)))
    span = ended(provider)

    (twin,) = inner.get_finished_spans()
    assert dict(twin.attributes) == PUBLIC
    assert json.loads(twin.to_json())["attributes"] == PUBLIC
    assert dict(span.attributes) == ALL


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_says_what_the_span_says(provider, copied):
    span = ended(provider)
    twin = copied(span)

    assert isinstance(twin, ReadableSpan)
    assert twin.to_json() == span.to_json()


def test_a_deep_copy_has_attributes_of_its_own(provider):
    span = ended(provider)
    twin = copy.deepcopy(span)
    twin._attributes._immutable = False
    twin._attributes["url.full"] = "masked"

    assert span.attributes["url.full"] == SECRET["url.full"]


class Watching(SpanProcessor):
    """Notes what it is called with, the newest callback included."""

    def __init__(self):
        self.seen = []

    def on_start(self, span, parent_context=None):
        self.seen.append(("start", isinstance(span, SdkSpan)))
        span.set_attribute("at.start", 1)

    def _on_ending(self, span):
        self.seen.append(("ending", span.is_recording()))
        span.set_attribute("at.ending", 2)

    def on_end(self, span):
        self.seen.append(("end", dict(span.attributes)))


def test_processors_are_called_as_the_sdk_calls_them_with_a_span_of_the_sdks(provider):
    watching = Watching()
    provider.add_span_processor(watching)
    lean = ended(provider)
    theirs = provider.get_tracer("theirs").start_span("GET")
    theirs.end()

    ours, sdks = watching.seen[:3], watching.seen[3:]
    assert [step for step, _ in ours] == [step for step, _ in sdks] == ["start", "ending", "end"]
    assert ours[:2] == sdks[:2]
    assert ours[2][1]["at.start"] == 1
    assert lean.attributes.keys() >= ALL.keys()


def test_the_console_exporter_writes_everything(provider):
    written = io.StringIO()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=written)))
    ended(provider)

    told = json.loads(written.getvalue())
    assert told["attributes"] == {**PUBLIC, **SECRET, "tracekit.phase.wait": [5, 9]}
    assert told["kind"] == "SpanKind.CLIENT"
    assert told["parent_id"] is None


def test_opentelemetrys_encoder_writes_what_it_writes_of_a_span_of_the_sdks(provider):
    lean = ended(provider)
    theirs = provider.get_tracer("test").start_span(
        "GET", kind=SpanKind.CLIENT, attributes=ALL, start_time=START
    )
    theirs.end(END)

    ours, sdks = (
        encode_spans([span]).resource_spans[0].scope_spans[0].spans[0] for span in (lean, theirs)
    )
    for message in (ours, sdks):
        message.ClearField("trace_id")
        message.ClearField("span_id")
    assert ours == sdks


def test_attributes_are_made_when_they_are_read_and_once(provider):
    made = []

    def later():
        made.append("once")
        return TIMES

    span = started(provider)
    span.put_later(later)
    span.end(END)
    assert made == []

    for _ in range(3):
        assert dict(span.attributes) == {**PUBLIC, **TIMES}
    span.to_json()
    assert made == ["once"]


def test_four_threads_that_read_at_once_read_the_same(provider):
    read = []
    for _ in range(200):
        span, together = ended(provider), threading.Barrier(4)

        def reads(span=span, together=together):
            together.wait(5)
            read.append(dict(span.attributes))

        threads = [threading.Thread(target=reads) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)

    assert len(read) == 800
    assert all(one == ALL for one in read)


@pytest.mark.parametrize(
    "given",
    [{"a": [1, 2]}, {"a": object()}, {"a": b"bytes"}, {"a": {"b": 1}}, {"": 1}, {"a": None}],
)
def test_attributes_that_are_not_clean_come_out_as_in_the_sdk(provider, given):
    lean, theirs = started(provider), provider.get_tracer("test").start_span("GET")
    for span in (lean, theirs):
        span.set_attributes(given)

    assert dict(lean.attributes) == {**PUBLIC, **theirs.attributes}


OK, ERROR, UNSET = StatusCode.OK, StatusCode.ERROR, StatusCode.UNSET


@pytest.mark.parametrize(
    "steps",
    [
        [(ERROR, "why")],
        [(OK, None), (ERROR, "why")],
        [(ERROR, "why"), (OK, None)],
        [(ERROR, "why"), (UNSET, None)],
        [(ERROR, "why"), (ERROR, "again")],
        [(Status(ERROR, "why"), None)],
        [(OK, None), (UNSET, None)],
    ],
)
def test_the_status_follows_the_rules_of_the_sdk(provider, steps):
    lean, theirs = started(provider), provider.get_tracer("test").start_span("GET")
    for span in (lean, theirs):
        for status, description in steps:
            span.set_status(status, description)

    assert lean.status.status_code is theirs.status.status_code
    assert lean.status.description == theirs.status.description


def test_events_and_exceptions_are_kept_in_their_order(provider):
    span = started(provider)
    span.add_event("first", {"n": 1}, START + 1)
    span.record_exception(ValueError("no"), timestamp=START + 2)
    span.end(END)

    first, exception = span.events
    assert (first.name, dict(first.attributes), first.timestamp) == ("first", {"n": 1}, START + 1)
    assert exception.name == "exception"
    assert exception.attributes["exception.type"] == "ValueError"
    assert exception.attributes["exception.message"] == "no"


class Odd(Exception):
    def __str__(self):
        raise ZeroDivisionError


class Sdk:
    """The same exception on one of the SDK's spans."""

    def __init__(self, error):
        span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span("GET")
        span.record_exception(error)
        self.told = dict(span.events[0].attributes)


@pytest.mark.parametrize("error", [ValueError("no"), json.JSONDecodeError("no", "{", 0)], ids=str)
def test_an_exception_is_told_as_the_sdk_tells_it(provider, error):
    span = started(provider)
    span.record_exception(error)

    assert dict(span.events[0].attributes) == Sdk(error).told


def test_an_exception_that_cannot_be_shown_has_its_event_all_the_same(provider):
    span = started(provider)
    span.record_exception(Odd())

    assert span.events[0].attributes["exception.type"] == f"{__name__}.Odd"
    assert "failed" in span.events[0].attributes["exception.message"]


def test_a_key_that_is_no_string_is_left_to_the_sdks_rules(provider):
    span = started(provider)
    span.set_attribute(5, "x")
    span.set_attributes({"": 1, "kept": 2})

    assert span.attributes["kept"] == 2
    assert all(type(key) is str and key for key in span.attributes)


def test_a_span_that_has_ended_is_as_it_was(provider):
    ends = Ended(lambda span: span.name)
    provider.add_span_processor(ends)
    span = ended(provider)
    before = span.to_json()
    span.end(END + 1)
    span.set_attribute("late", 1)
    span.put({"late": 1})
    span.put_later(lambda: {"late": 1})
    span.set_status(StatusCode.ERROR)
    span.add_event("late")
    span.update_name("late")
    span.add_link(SpanContext(1, 2, False, TraceFlags(1)))

    assert span.to_json() == before
    assert not span.is_recording()
    assert ends.what == ["GET"]

from __future__ import annotations

import time
from time import perf_counter_ns

import pytest
from opentelemetry.trace import SpanKind

from tracekit import attributes as names
from tracekit.clients.call import SCOPE, Call

SECOND = 1_000_000_000


@pytest.fixture
def tracer(provider, spans):
    return provider.get_tracer(SCOPE)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        pytest.param(SECOND // 20, SECOND // 20, id="begun 50 ms ago"),
        pytest.param(3600 * SECOND, 0, id="before the wall clock was set forward"),
        pytest.param(-3600 * SECOND, 0, id="before the wall clock was set back"),
    ],
)
def test_phases_count_from_the_start_of_a_foreign_span(tracer, ago, expected):
    span = tracer.start_span("GET", kind=SpanKind.CLIENT, start_time=time.time_ns() - ago)
    call = Call.join(tracer, "httpx", span, {})

    assert perf_counter_ns() - call.record.start == pytest.approx(expected, abs=SECOND // 50)
    span.end()


def test_a_call_ends_once(tracer, spans):
    call = Call.start(tracer, "urllib3", "GET", {})
    call.finish(call.record.start + 10)
    call.finish(call.record.start + 20)

    (span,) = spans.spans
    assert span.end_time - span.start_time == 10


def test_the_reason_inside_an_error_is_what_failed(tracer, spans):
    call = Call.start(tracer, "urllib3", "GET", {})
    error = RuntimeError("gave up")
    error.reason = TimeoutError()
    call.fail(error)
    call.finish(perf_counter_ns())

    assert spans.spans[0].attributes[names.ERROR_TYPE] == "TimeoutError"
    assert spans.spans[0].status.is_ok is False

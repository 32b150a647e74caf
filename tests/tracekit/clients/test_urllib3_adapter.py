from __future__ import annotations

import gc
import json
import threading

import pytest
import requests
import urllib3
from conformance.outgoing import calls, only_call
from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
    suppress_instrumentation,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from processes import free_port

from tracekit import attributes as names
from tracekit import clients
from tracekit.request import RequestContext, in_context
from tracekit.testing import Capture


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_full_pool_of_one_makes_the_next_caller_wait(server, spans):
    pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=1, block=True)
    first = in_thread(lambda: pool.request("GET", "/slow-headers"))
    assert server.arrived.acquire(timeout=5)
    pool.request("GET", "/")
    first.join(5)

    held, waited = calls(spans)
    assert held.phase("pool") < 0.02
    assert waited.phase("pool") == pytest.approx(server.delay, abs=0.04)
    assert waited[names.CONNECTION_STATE] == "reused"


def test_a_caller_that_waits_in_vain_fails_in_pool(server, spans):
    pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=1, block=True)
    first = in_thread(lambda: pool.request("GET", "/held"))
    assert server.arrived.acquire(timeout=5)
    with pytest.raises(urllib3.exceptions.EmptyPoolError):
        pool.request("GET", "/", pool_timeout=0.1)
    server.released.set()
    first.join(5)

    failed = calls(spans)[1]
    assert failed.phase("pool") == pytest.approx(0.11, abs=0.04)
    assert failed[names.ERROR_TYPE] == "EmptyPoolError"


def test_another_pools_queue_emptied_during_a_call_is_not_its_wait(server, spans):
    # As a garbage collection does to pools that nobody holds any more.
    other = urllib3.HTTPConnectionPool("127.0.0.1", server.port)

    def body():
        other.close()
        yield b"hello"

    urllib3.PoolManager().request(
        "POST", server.url(), body=body(), headers={"content-length": "5"}
    )

    call = only_call(spans)
    assert call.phase("connect") > 0
    assert call[names.phase("pool")][1] < call[names.phase("connect")][0]


def test_a_pool_that_is_too_small_counts_its_discards(server, spans):
    pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=1)
    threads = []
    for _ in range(3):
        threads.append(in_thread(lambda: pool.request("GET", "/held")))
        assert server.arrived.acquire(timeout=5)
    server.released.set()
    for thread in threads:
        thread.join(5)
    pool.request("GET", "/")

    assert calls(spans)[-1][names.POOL_DISCARDS] == 2


def test_a_retry_after_a_status_is_a_sibling_with_a_resend_count(server, spans, provider):
    pool = urllib3.PoolManager(retries=urllib3.Retry(2, status_forcelist=[503]))
    with provider.get_tracer("test").start_as_current_span("work") as work:
        assert pool.request("GET", server.url("/unavailable-once")).data == b"hello"

    first, second = calls(spans)
    assert (first[names.HTTP_STATUS], second[names.HTTP_STATUS]) == (503, 200)
    assert (first[names.HTTP_RESEND_COUNT], second[names.HTTP_RESEND_COUNT]) == (None, 1)
    assert first.span.parent == second.span.parent == work.get_span_context()
    assert first.span.end_time <= second.span.start_time


def test_a_hidden_retry_shows_the_call_that_was_dropped(server, spans):
    pool = urllib3.PoolManager(retries=1)
    assert pool.request("GET", server.url("/dropped-once")).data == b"hello"

    first, second = calls(spans)
    assert first[names.ERROR_TYPE]
    assert first.span.status.is_ok is False
    assert second[names.HTTP_RESEND_COUNT] == 1
    assert second[names.HTTP_STATUS] == 200


def test_backoff_between_retries_belongs_to_no_call(server, spans):
    retries = urllib3.Retry(2, status_forcelist=[503], backoff_factor=0.1)
    retries = retries.new(history=(urllib3.util.retry.RequestHistory("GET", "", None, 503, None),))
    urllib3.PoolManager().request("GET", server.url("/unavailable-once"), retries=retries)

    first, second = calls(spans)
    assert second.span.start_time - first.span.end_time > 0.15e9


@pytest.mark.parametrize("fault", ["time-out", "refused"])
def test_backoff_after_a_failure_belongs_to_no_call(server, spans, fault):
    url = server.url("/hang") if fault == "time-out" else f"http://127.0.0.1:{free_port()}"
    retries = urllib3.Retry(2, backoff_factor=0.1)
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        urllib3.PoolManager(retries=retries).request("GET", url, timeout=0.05)

    first, second, third = calls(spans)
    assert all(call[names.ERROR_TYPE] for call in (first, second, third))
    assert second.duration < 0.15
    assert third.span.start_time - second.span.end_time > 0.15e9


def test_a_drained_body_is_counted_to_its_last_byte(server, spans):
    response = urllib3.PoolManager().request("GET", server.url("/slow-body"), preload_content=False)
    response.read(5)
    response.drain_conn()

    call = only_call(spans)
    assert call[names.BODY_BYTES] == 10
    assert call[names.BODY_COMPLETE] is True


def test_a_redirect_through_requests_counts_as_sent_again(server, spans):
    requests.get(server.url("/redirect"))

    assert [call[names.HTTP_RESEND_COUNT] for call in calls(spans)] == [None, 1]


def test_two_calls_of_one_session_are_not_each_others_retries(server, spans):
    with requests.Session() as session:
        session.get(server.url())
        session.get(server.url())

    assert [call[names.HTTP_RESEND_COUNT] for call in calls(spans)] == [None, None]


def test_a_call_without_a_session_shows_a_client_of_no_age(server, spans):
    requests.get(server.url())
    requests.get(server.url())

    for call in calls(spans):
        assert call[names.CLIENT_REQUESTS] == 0
        assert call[names.CLIENT_AGE] < 50_000_000
        assert call[names.CONNECTION_STATE] == "new"
        assert call[names.CLIENT_FILE] == call[names.CODE_FILE] == __file__


def test_the_body_keeps_the_span_open_until_it_is_read(server, spans):
    response = requests.get(server.url("/slow-body"), stream=True)
    assert spans.spans == []
    assert response.content == b"helloworld"

    assert only_call(spans)[names.BODY_COMPLETE] is True


def test_a_forgotten_response_ends_where_it_was_last_seen(server, spans):
    response = urllib3.PoolManager().request("GET", server.url("/endless"), preload_content=False)
    response.read(5)
    del response
    gc.collect()
    clients.reap()

    call = only_call(spans)
    assert call[names.BODY_COMPLETE] is False
    assert call[names.BODY_BYTES] == 5
    start, end = call[names.phase("receive")]
    assert start < end <= call.span.end_time - call.span.start_time


def test_a_connection_given_back_unread_ends_the_call(server, spans):
    response = urllib3.PoolManager().request("GET", server.url("/endless"), preload_content=False)
    response.release_conn()

    assert only_call(spans)[names.BODY_COMPLETE] is False


def test_a_drained_response_is_complete(server, spans):
    response = urllib3.PoolManager().request("GET", server.url("/slow-body"), preload_content=False)
    response.drain_conn()

    assert only_call(spans)[names.BODY_COMPLETE] is True


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"A": "b"}, urllib3.HTTPHeaderDict({"A": "b"})],
    ids=["none", "empty", "dict", "HTTPHeaderDict"],
)
def test_trace_headers_go_out_and_the_callers_stay_as_they_were(server, spans, headers):
    before = None if headers is None else dict(headers)
    answer = urllib3.PoolManager().request("GET", server.url("/headers"), headers=headers)

    sent = json.loads(answer.data)
    assert format(only_call(spans).span.context.span_id, "016x") in sent["traceparent"]
    assert sent.get("a") == (before or {}).get("A")
    assert before is None or dict(headers) == before


@pytest.fixture
def in_request():
    token = context.attach(in_context(RequestContext("the-request"), context.get_current()))
    yield
    context.detach(token)


def test_the_request_id_goes_out_and_stands_on_the_span(server, spans, in_request):
    sent = json.loads(requests.get(server.url("/headers")).content)

    assert sent["x-request-id"] == "the-request"
    assert only_call(spans)[names.REQUEST_ID] == "the-request"


@pytest.mark.parametrize("spelling", ["X-Request-ID", "x-request-id"])
def test_a_request_id_that_the_caller_set_wins(server, spans, in_request, spelling):
    headers = {spelling: "the-callers"}
    sent = json.loads(
        urllib3.PoolManager().request("GET", server.url("/headers"), headers=headers).data
    )

    assert sent["x-request-id"] == "the-callers"
    assert "traceparent" in sent


def test_a_stale_traceparent_in_another_spelling_is_replaced_not_doubled(server, spans):
    stale = {"TraceParent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
    urllib3.PoolManager().request("GET", server.url(), headers=stale)

    spelled = [name for name in server.requests[0].raw if name.lower() == "traceparent"]
    assert spelled == ["traceparent"]


def test_every_hop_sends_its_own_span(server, spans):
    requests.get(server.url("/redirect"))

    sent = [request.headers["traceparent"].split("-")[2] for request in server.requests]
    assert sent == [format(call.span.context.span_id, "016x") for call in calls(spans)]


def test_every_retry_sends_its_own_span(server, spans):
    pool = urllib3.PoolManager(retries=urllib3.Retry(2, status_forcelist=[503]))
    pool.request("GET", server.url("/unavailable-once"))

    sent = [request.headers["traceparent"].split("-")[2] for request in server.requests]
    assert sent == [format(call.span.context.span_id, "016x") for call in calls(spans)]


def test_a_suppressed_call_is_not_traced_and_carries_nothing(server, spans):
    for suppress in (suppress_instrumentation, suppress_http_instrumentation):
        with suppress():
            sent = json.loads(requests.get(server.url("/headers")).content)
        assert "traceparent" not in sent
    assert spans.spans == []


def test_an_unsampled_call_leaves_no_span_but_says_so_to_the_server(server):
    captured = Capture()
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(captured)
    clients.install(provider)
    try:
        sent = json.loads(requests.get(server.url("/headers")).content)
    finally:
        clients.uninstall()
    flags = int(sent["traceparent"].rpartition("-")[2], 16)
    assert flags & 1 == 0
    assert captured.spans == []


class ForeignUrlopen:
    """What OpenTelemetry's urllib3 and requests instrumentations do around a call."""

    def __init__(self, provider, scope):
        self.tracer = provider.get_tracer(scope)

    def send(self, work):
        kind = trace.SpanKind.CLIENT
        with (
            self.tracer.start_as_current_span("GET", kind=kind),
            suppress_http_instrumentation(),
        ):
            return work()


@pytest.mark.parametrize("library", ["urllib3", "requests"])
def test_a_span_of_opentelemetrys_own_is_completed_not_doubled(server, spans, provider, library):
    foreign = ForeignUrlopen(provider, f"opentelemetry.instrumentation.{library}")
    foreign.send(lambda: urllib3.PoolManager().request("GET", server.url("/slow-headers")))

    call = only_call(spans)
    assert call.span.instrumentation_scope.name == f"opentelemetry.instrumentation.{library}"
    assert call[names.CONNECTION_STATE] == "new"
    assert call.phase("wait") > 0.07
    assert call.phase("receive") > 0


def test_a_body_read_after_a_foreign_span_has_ended_is_a_late_child(server, spans, provider):
    foreign = ForeignUrlopen(provider, "opentelemetry.instrumentation.requests")
    response = foreign.send(lambda: requests.get(server.url("/slow-body"), stream=True))
    assert response.content == b"helloworld"

    call = only_call(spans)
    assert call.body is not None
    assert call.body.parent.span_id == call.span.context.span_id
    assert call.phase("receive") > 0.07

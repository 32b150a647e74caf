from __future__ import annotations

import asyncio
import gc
import json

import httpx
import lateness
import pytest
from conformance.outgoing import calls, only_call
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation

import tracekit
from tracekit import attributes as names
from tracekit import clients


@pytest.fixture
def instrumentor(library):
    found = HTTPXClientInstrumentor() if library is httpx else HTTPX2ClientInstrumentor()
    yield found
    if found.is_instrumented_by_opentelemetry:
        found.uninstrument()


def test_the_span_is_open_until_the_last_byte(library, server, spans):
    library.get(server.url("/slow-body"))

    call = only_call(spans)
    assert call.body is None
    assert call.phase("receive") > 0.07
    assert call.duration > 0.07


def test_a_span_of_the_hosts_own_instrumentation_gets_its_body_as_a_late_child(
    library, server, install, provider, instrumentor
):
    instrumentor.instrument(tracer_provider=provider)
    captured = install()
    library.get(server.url("/slow-body"))

    call = only_call(captured)
    assert call.body.name == "receive"
    assert call.body.parent.span_id == call.span.context.span_id
    assert call.body.start_time <= call.span.end_time
    assert call.body.attributes[names.BODY_FIRST_CHUNK] < 50_000_000


def test_a_users_own_instrumentation_is_joined_not_doubled(library, server, install, provider):
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    try:
        spans = install()
        httpx.get(server.url())
        assert len(calls(spans)) == 1
        assert calls(spans)[0][names.CONNECTION_STATE] == "new"

        clients.uninstall()
        httpx.get(server.url())
        assert len(calls(spans)) == 2  # theirs is still there
        assert calls(spans)[1][names.CONNECTION_STATE] is None
    finally:
        HTTPXClientInstrumentor().uninstrument()


def test_the_first_call_says_what_making_its_client_took(library, server, spans):
    with library.Client() as client:
        client.get(server.url())
        client.get(server.url())

    first, second = calls(spans)
    assert first[names.CLIENT_SETUP] > 100_000  # it loads certificates, from a disk's cache at best
    assert second[names.CLIENT_SETUP] is None


def test_a_body_that_breaks_off_is_an_error_of_the_call(library, server, spans):
    with pytest.raises(library.RemoteProtocolError):
        library.get(server.url("/broken-off"))

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "RemoteProtocolError"
    assert call[names.ERROR_PHASE] == "receive"
    assert not call.span.status.is_ok
    assert call[names.BODY_COMPLETE] is False


def test_no_name_of_a_url_carries_its_query(library, server, spans):
    library.get(server.url("/?token=secret"))

    assert not any("secret" in str(v) for v in only_call(spans).span.attributes.values())


def test_a_request_id_that_the_caller_set_stays(library, server, spans):
    with tracekit.request("job", request_id="the-request"):
        own = library.get(server.url("/headers"))
        given = library.get(server.url("/headers"), headers={"x-request-id": "the-callers"})

    assert own.json()["x-request-id"] == "the-request"
    assert given.json()["x-request-id"] == "the-callers"


def test_instrumenting_after_us_is_the_hosts_to_do(library, server, spans, provider, instrumentor):
    seen = []
    instrumentor.instrument(
        tracer_provider=provider, request_hook=lambda span, request: seen.append(request.method)
    )
    library.get(server.url())

    assert only_call(spans)[names.CONNECTION_STATE] == "new"
    assert seen == [b"GET"]


def test_a_single_client_that_the_host_instruments_has_one_span(
    library, server, spans, provider, instrumentor
):
    with library.Client() as client:
        instrumentor.instrument_client(client, tracer_provider=provider)
        client.get(server.url())

    call = only_call(spans)
    assert call.span.instrumentation_scope.name == "opentelemetry.instrumentation.httpx"
    assert call[names.CONNECTION_STATE] == "new"


def test_the_headers_of_the_hosts_request_stay_as_they_were(library, server, spans):
    with library.Client() as client:
        request = client.build_request("GET", server.url("/headers"), headers={"x-own": "1"})
        before = list(request.headers.raw)
        sent = client.send(request).json()

    assert request.headers.raw == before
    assert sent["traceparent"].split("-")[2] == format(
        only_call(spans).span.context.span_id, "016x"
    )


def test_a_users_own_trace_callback_still_hears_everything(library, server, spans):
    heard = []
    extensions = {"trace": lambda name, info: heard.append(name)}
    with library.Client() as client:
        client.get(server.url(), extensions=extensions)

    assert "connection.connect_tcp.started" in heard
    assert heard[-1] == "http11.response_closed.complete"
    assert only_call(spans)[names.CONNECTION_STATE] == "new"


def test_a_users_own_async_trace_callback_still_hears_everything(library, server, spans):
    heard = []

    async def trace(name, info):
        heard.append(name)

    async def call():
        async with library.AsyncClient() as client:
            await client.get(server.url(), extensions={"trace": trace})

    asyncio.run(call())
    assert "connection.connect_tcp.started" in heard
    assert heard[-1] == "http11.response_closed.complete"


def test_a_forgotten_stream_ends_where_it_was_last_seen(library, server, spans):
    client = library.Client()
    response = client.send(client.build_request("GET", server.url("/endless")), stream=True)
    next(response.iter_raw())
    del response
    gc.collect()
    clients.reap()

    call = only_call(spans)
    assert call.of_body(names.BODY_COMPLETE) is False
    assert call.of_body(names.BODY_BYTES) == 5
    client.close()


def test_the_request_that_the_user_sees_has_no_extension_of_ours(library, server, spans):
    response = library.get(server.url())

    assert "trace" not in response.request.extensions


def test_a_client_made_for_each_call_shows_as_such(library, server, spans):
    for _ in range(2):
        library.get(server.url())

    for call in calls(spans):
        assert call[names.CLIENT_REQUESTS] == 0
        assert call[names.CONNECTION_STATE] == "new"
        assert call[names.CLIENT_FILE] == call[names.CODE_FILE] == __file__


def test_a_pool_of_one_makes_the_second_task_wait(library, server, spans):
    async def both():
        limits = library.Limits(max_connections=1)
        async with library.AsyncClient(limits=limits) as client:
            first = asyncio.create_task(client.get(server.url("/slow-headers")))
            await asyncio.to_thread(server.arrived.acquire)
            await asyncio.gather(first, client.get(server.url()))

    with lateness.watched():
        asyncio.run(both())
        late = lateness.allowed()
    first, second = calls(spans)
    assert first.phase("pool") < 0.02 + late
    assert second.phase("pool") == pytest.approx(server.delay, abs=0.04 + late)
    assert second[names.CONNECTION_STATE] == "reused"


def test_calls_that_overlap_keep_their_records_apart(library, server, spans):
    async def many():
        async with library.AsyncClient() as client:
            await asyncio.gather(
                *(client.get(server.url(path)) for path in ["/slow-headers", "/", "/slow-body"])
            )

    asyncio.run(many())
    by_path = {call[names.URL_FULL].rpartition("/")[2]: call for call in calls(spans)}
    assert by_path["slow-headers"].phase("wait") > 0.07
    assert by_path["slow-body"].phase("receive") > 0.07
    assert by_path[""].phase("wait") < 0.06
    assert len({call[names.CONNECTION_ID] for call in calls(spans)}) == 3


def test_a_cancelled_call_says_so(library, server, spans):
    async def call():
        async with library.AsyncClient() as client:
            task = asyncio.create_task(client.get(server.url("/hang")))
            await asyncio.to_thread(server.arrived.acquire)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(call())
    assert only_call(spans)[names.ERROR_TYPE] == "CancelledError"
    assert only_call(spans).phase("wait") > 0


def test_a_suppressed_call_is_not_traced(library, server, spans):
    with suppress_instrumentation():
        library.get(server.url())

    assert spans.spans == []


def test_the_span_goes_out_with_the_request(library, server, spans):
    sent = json.loads(library.get(server.url("/headers")).content)

    assert format(only_call(spans).span.context.span_id, "016x") in sent["traceparent"]


def test_a_user_code_that_connects_while_a_body_is_sent_is_not_our_attempt(library, server, spans):
    import socket

    def body():
        socket.create_connection(("127.0.0.1", server.port)).close()
        yield b"hello"

    with library.Client() as client:
        client.post(server.url(), content=body(), headers={"content-length": "5"})

    assert only_call(spans).attempts == [("127.0.0.1", "ok")]

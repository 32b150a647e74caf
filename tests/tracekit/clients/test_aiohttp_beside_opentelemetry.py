"""Beside a stand-in for OpenTelemetry's instrumentation of aiohttp, which opens one span for all.

The real package is not installed here. It, too, opens its span in ``on_request_start``, makes it
current, and ends it with the headers of the last response.
"""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from conformance.outgoing import only_call
from opentelemetry import context, propagate, trace
from opentelemetry.trace import SpanKind

from tracekit import attributes as names

SCOPE = "opentelemetry.instrumentation.aiohttp_client"


def theirs(provider):
    tracer = provider.get_tracer(SCOPE)

    async def start(_session, state, params):
        state.span = tracer.start_span(params.method, kind=SpanKind.CLIENT)
        state.token = context.attach(trace.set_span_in_context(state.span))
        propagate.inject(params.headers)

    async def end(_session, state, _params):
        state.span.end()
        context.detach(state.token)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(start)
    config.on_request_end.append(end)
    config.on_request_exception.append(end)
    return config


@pytest.fixture
def fetch(provider, spans):
    async def get(*urls, **options):
        async with aiohttp.ClientSession(trace_configs=[theirs(provider)]) as session:
            for url in urls:
                async with session.get(url, **options) as response:
                    await response.read()

    return lambda *urls, **options: asyncio.run(get(*urls, **options))


def test_their_span_is_completed_not_doubled(fetch, server, spans):
    fetch(server.url("/slow-headers"))

    call = only_call(spans)
    assert call.span.instrumentation_scope.name == SCOPE
    assert call[names.CONNECTION_STATE] == "new"
    assert call.phase("wait") > 0.07
    assert [one.raw.count("traceparent") for one in server.requests] == [1]


def test_a_body_read_after_their_span_is_its_late_child(fetch, server, spans):
    fetch(server.url("/slow-body"))

    call = only_call(spans)
    assert call.body.parent.span_id == call.span.context.span_id
    assert call.of_body(names.BODY_BYTES) == 10
    assert call.phase("receive") > 0.07


def test_of_redirects_their_span_shows_the_last_where_it_happened(fetch, server, spans):
    fetch(server.url("/redirect"))

    call = only_call(spans)
    assert (call[names.HTTP_STATUS], call[names.REDIRECT]) == (200, 1)
    assert call[names.CONNECTION_STATE] == "reused"
    assert call[names.phase("connect")] is None
    assert call[names.CONNECTION_IDLE] is not None
    assert call[names.phase("pool")][0] > 100_000  # after the first request's whole exchange


def test_a_redirect_that_is_not_followed_is_shown(fetch, server, spans):
    fetch(server.url("/redirect"), allow_redirects=False)

    call = only_call(spans)
    assert (call[names.HTTP_STATUS], call[names.CONNECTION_STATE]) == (302, "new")


def test_of_a_silent_retry_their_span_shows_the_one_that_went_well(fetch, server, spans):
    fetch(server.url(), server.url("/dropped-once"))

    again = [one for one in spans.spans if one.kind is SpanKind.CLIENT][1]
    assert again.attributes[names.HTTP_STATUS] == 200
    assert again.attributes[names.HTTP_RESEND_COUNT] == 1
    assert names.ERROR_TYPE not in again.attributes


def test_a_call_that_fails_says_so_on_their_span(fetch, server, spans):
    with pytest.raises(aiohttp.ClientConnectionError):
        fetch("http://127.0.0.1:1/")

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "ClientConnectorError"
    assert call.attempts == [("127.0.0.1", "ECONNREFUSED")]

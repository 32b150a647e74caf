"""What aiohttp alone does: sessions, redirects, silent retries, middlewares, WebSockets."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
import requests
from aiohttp import web
from aiohttp_calls import fetch, fetch_with, site
from conformance.outgoing import calls, only_call
from opentelemetry.instrumentation.utils import suppress_instrumentation

import tracekit
from tracekit import attributes as names
from tracekit import clients


def test_each_redirect_has_its_own_trace_context(server, spans):
    asyncio.run(fetch(server.url("/redirect")))

    first, second = calls(spans)
    sent = [request.headers["traceparent"].split("-")[2] for request in server.requests]
    assert sent == [format(one.span.context.span_id, "016x") for one in (first, second)]
    assert (first[names.REDIRECT], second[names.REDIRECT]) == (None, 1)
    assert first.of_body(names.BODY_BYTES) == len(b"moved")


def test_a_silent_retry_is_a_call_of_its_own(server, spans):
    async def twice():
        async with aiohttp.ClientSession() as session:
            await fetch_with(session, server.url())
            return await fetch_with(session, server.url("/dropped-once"))

    assert asyncio.run(twice()) == b"hello"
    _, dropped, again = calls(spans)
    assert dropped[names.CONNECTION_STATE] == "reused"
    assert dropped[names.ERROR_TYPE] == "ServerDisconnectedError"
    assert dropped.span.status.is_ok is False
    assert again[names.CONNECTION_STATE] == "new"
    assert again[names.HTTP_RESEND_COUNT] == 1
    assert again[names.HTTP_STATUS] == 200
    assert dropped.span.end_time <= again.span.start_time


def test_the_users_trace_configs_are_left_alone(server, spans):
    seen = []

    async def started(_session, _context, _params):
        seen.append("start")

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)
    configs = [config]

    async def call():
        async with aiohttp.ClientSession(trace_configs=configs) as session:
            await fetch_with(session, server.url())

    asyncio.run(call())
    assert configs == [config]
    assert seen == ["start"]
    assert only_call(spans)[names.CONNECTION_STATE] == "new"


def test_the_callers_headers_are_not_changed_and_its_request_id_is_kept(server, spans):
    headers = {"X-Request-ID": "mine"}
    asyncio.run(fetch(server.url(), headers=headers))

    assert headers == {"X-Request-ID": "mine"}
    assert server.requests[0].headers["x-request-id"] == "mine"
    assert "traceparent" in server.requests[0].headers


def test_the_request_id_of_the_request_at_hand_goes_out(server, spans):
    async def call():
        with tracekit.request("job", request_id="abc"):
            await fetch(server.url("/headers"))

    asyncio.run(call())
    assert server.requests[0].headers["x-request-id"] == "abc"


def test_suppressed_calls_are_not_traced(server, spans):
    async def call():
        with suppress_instrumentation():
            return json.loads(await fetch(server.url("/headers")))

    assert "traceparent" not in asyncio.run(call())
    assert calls(spans) == []


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


def test_a_websocket_is_a_call_that_ends_with_the_upgrade(spans):
    async def talk():
        async with (
            site(echo) as url,
            aiohttp.ClientSession() as session,
            session.ws_connect(url) as socket,
        ):
            said = []
            for word in ("one", "two"):
                await socket.send_str(word)
                said.append((await socket.receive()).data)
            return said

    assert asyncio.run(talk()) == ["one", "two"]
    call = only_call(spans)
    assert call[names.HTTP_STATUS] == 101
    assert call[names.ERROR_TYPE] is None
    assert call[names.phase("receive")] is None


def test_a_session_from_before_is_traced_and_goes_on_after(install, server):
    async def across():
        async with aiohttp.ClientSession() as session:
            assert await fetch_with(session, server.url()) == b"hello"
            spans = install()
            assert await fetch_with(session, server.url()) == b"hello"
            clients.uninstall()
            assert await fetch_with(session, server.url()) == b"hello"
            return spans

    spans = asyncio.run(across())
    call = only_call(spans)
    assert call[names.CONNECTION_STATE] == "reused"
    assert call[names.CONNECTION_AGE] is None
    assert call[names.CLIENT_AGE] is None
    assert call[names.PEER_ADDRESS] == "127.0.0.1"


def test_a_response_read_after_the_hooks_are_gone_is_whole(install, server):
    spans = install()

    async def across():
        async with aiohttp.ClientSession() as session:
            async with session.get(server.url("/slow-body")) as response:
                clients.uninstall()
                body = await response.read()
            return body, await fetch_with(session, server.url())

    assert asyncio.run(across()) == (b"helloworld", b"hello")
    assert len(calls(spans)) <= 1


def test_a_base_url_is_part_of_the_target(server, spans):
    async def call():
        async with aiohttp.ClientSession(base_url=server.url("/api/")) as session:
            await fetch_with(session, "hello?token=secret")

    asyncio.run(call())
    assert only_call(spans)[names.URL_FULL] == server.url("/api/hello")


def test_a_middleware_that_tries_again_makes_two_calls(server, spans):
    async def retrying(request, handler):
        response = await handler(request)
        if response.status != 503:
            return response
        await response.read()
        return await handler(request)

    async def call():
        async with aiohttp.ClientSession(middlewares=[retrying]) as session:
            return await fetch_with(session, server.url("/unavailable-once"))

    assert asyncio.run(call()) == b"hello"
    first, second = calls(spans)
    assert (first[names.HTTP_STATUS], second[names.HTTP_STATUS]) == (503, 200)
    assert second[names.HTTP_RESEND_COUNT] == 1
    sent = [request.headers["traceparent"] for request in server.requests]
    assert sent[0] != sent[1]


def test_a_middlewares_own_call_is_not_counted_with_the_outer_one(server, spans):
    async def authorised(request, handler):
        async with aiohttp.ClientSession() as other:
            await fetch_with(other, server.url("/headers"))
        return await handler(request)

    async def call():
        async with aiohttp.ClientSession(middlewares=[authorised]) as session:
            await fetch_with(session, server.url())

    asyncio.run(call())
    assert [one[names.HTTP_RESEND_COUNT] for one in calls(spans)] == [None, None]


def test_another_clients_call_inside_ours_is_its_own(server, spans):
    async def authorised(request, handler):
        requests.get(server.url("/headers"))
        return await handler(request)

    async def call():
        async with aiohttp.ClientSession(middlewares=[authorised]) as session:
            await fetch_with(session, server.url("/redirect"))

    asyncio.run(call())
    told = [(one[names.CLIENT_LIBRARY], one[names.HTTP_RESEND_COUNT]) for one in calls(spans)]
    assert told == [("urllib3", None), ("aiohttp", None), ("urllib3", None), ("aiohttp", 1)]


def test_two_hundred_calls_at_once_keep_their_records_apart(server, spans):
    async def all_at_once():
        async with aiohttp.ClientSession() as session:
            urls = [server.url(f"/headers?{number}") for number in range(200)]
            return await asyncio.gather(*(fetch_with(session, url) for url in urls))

    answers = [json.loads(body) for body in asyncio.run(all_at_once())]
    ids = {format(one.span.context.span_id, "016x"): one for one in calls(spans)}
    assert len(ids) == 200
    assert {one["traceparent"].split("-")[2] for one in answers} == set(ids)
    for answer in answers:
        call = ids[answer["traceparent"].split("-")[2]]
        assert call[names.BODY_COMPLETE] is True
        assert call[names.BODY_BYTES] == len(json.dumps(answer))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_without_a_body_is_complete(spans, method):
    async def answer(_request):
        return web.Response(status=204)

    async def call():
        async with site(answer) as url, aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.request(method, url) as response:
                    assert await response.read() == b""

    asyncio.run(call())
    first, second = calls(spans)
    assert (first[names.BODY_COMPLETE], second[names.BODY_COMPLETE]) == (True, True)
    assert second[names.CONNECTION_STATE] == "reused"
    assert first[names.BODY_CHUNKS] is None

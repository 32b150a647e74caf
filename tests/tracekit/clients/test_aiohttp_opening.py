"""How aiohttp comes by a connection: limits, look-ups, sockets."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp_calls import fetch, fetch_with, site
from conformance.outgoing import calls, only_call
from faults.listening import Listener
from faults.server import DELAY

from tracekit import attributes as names


def test_a_full_connector_is_pool_wait(server, spans):
    async def two_at_once():
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            url = server.url("/slow-headers")
            await asyncio.gather(fetch_with(session, url), fetch_with(session, url))

    asyncio.run(two_at_once())
    first, second = calls(spans)
    assert first.phase("pool") < DELAY / 2
    assert second.phase("pool") == pytest.approx(DELAY, abs=0.03)
    assert second[names.CONNECTION_STATE] == "reused"
    assert second.phase("wait") == pytest.approx(DELAY, abs=0.03)


def test_a_time_out_in_the_queue_is_an_error_in_pool(server, spans):
    async def two_at_once():
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            held = asyncio.ensure_future(fetch_with(session, server.url("/held")))
            await asyncio.to_thread(server.arrived.acquire)
            with pytest.raises(asyncio.TimeoutError):
                await fetch_with(session, server.url(), timeout=aiohttp.ClientTimeout(total=0.05))
            server.released.set()
            await held

    asyncio.run(two_at_once())
    late = next(one for one in calls(spans) if one[names.URL_FULL] == server.url())
    assert late[names.ERROR_PHASE] == "pool"
    assert late[names.ERROR_TYPE] == "TimeoutError"


def test_a_cached_name_is_not_looked_up(resolve, install, server):
    resolve("slow.test", ["127.0.0.1"], delay=DELAY)
    spans = install()

    async def twice():
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                await fetch_with(session, server.url("/closing", host="slow.test"))

    asyncio.run(twice())
    first, second = calls(spans)
    assert first.phase("dns") == pytest.approx(DELAY, abs=0.03)
    assert second[names.CONNECTION_STATE] == "new"
    assert second[names.phase("dns")] is None


def test_whoever_waits_for_anothers_look_up_shows_it_as_dns(resolve, install, server):
    resolve("slow.test", ["127.0.0.1"], delay=DELAY)
    spans = install()

    async def three_at_once():
        async with aiohttp.ClientSession() as session:
            url = server.url(host="slow.test")
            await asyncio.gather(*(fetch_with(session, url) for _ in range(3)))

    asyncio.run(three_at_once())
    for call in calls(spans):
        assert call.phase("dns") == pytest.approx(DELAY, abs=0.03)
        assert call[names.DNS_ADDRESSES] == ("127.0.0.1",)
        assert call.attempts == [("127.0.0.1", "ok")]


def test_a_cancelled_look_up_leaves_the_one_who_waits_unharmed(resolve, install, server):
    resolve("slow.test", ["127.0.0.1"], delay=DELAY)
    spans = install()

    async def one_of_two():
        async with aiohttp.ClientSession() as session:
            url = server.url(host="slow.test")
            gone, staying = (asyncio.ensure_future(fetch_with(session, url)) for _ in range(2))
            asyncio.get_running_loop().call_later(DELAY / 4, gone.cancel)
            assert await staying == b"hello"
            with pytest.raises(asyncio.CancelledError):
                await gone

    asyncio.run(one_of_two())
    gone, staying = calls(spans)
    print(dict(gone.span.attributes))
    assert (gone[names.ERROR_TYPE], gone[names.ERROR_PHASE]) == ("CancelledError", "dns")
    assert gone[names.DNS_ERROR] == "cancelled"
    assert staying.phase("dns") > DELAY / 2
    assert staying[names.HTTP_STATUS] == 200


def test_a_unix_socket_has_a_span_without_addresses(spans, tmp_path):
    async def answer(_request):
        return web.Response(text="hello")

    async def call():
        path = str(tmp_path / "socket")
        async with site(answer, path) as url:
            connector = aiohttp.UnixConnector(path)
            async with aiohttp.ClientSession(connector=connector) as session:
                return [await fetch_with(session, url) for _ in range(2)]

    assert asyncio.run(call()) == [b"hello", b"hello"]
    first, second = calls(spans)
    assert first[names.PEER_ADDRESS] is None
    assert (first[names.CONNECTION_STATE], second[names.CONNECTION_STATE]) == ("new", "reused")


class ResolverOverHttp(AbstractResolver):
    """Asks a server for addresses, as DNS over HTTPS does."""

    def __init__(self, url):
        self.url = url

    async def resolve(self, host, port=0, family=socket.AF_INET):
        await fetch(self.url)
        found = {"hostname": host, "host": "127.0.0.1", "port": port}
        return [{**found, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self):
        pass


def test_a_resolver_that_makes_calls_of_its_own_is_timed_as_dns(server, spans):
    async def call():
        resolver = ResolverOverHttp(server.url("/slow-headers"))
        connector = aiohttp.TCPConnector(resolver=resolver)
        async with aiohttp.ClientSession(connector=connector) as session:
            await fetch_with(session, server.url(host="any.test"))

    asyncio.run(call())
    outer, inner = calls(spans)
    assert inner.phase("wait") == pytest.approx(DELAY, abs=0.03)
    assert inner[names.phase("dns")] is None
    assert outer.phase("dns") == pytest.approx(DELAY, abs=0.03)
    assert outer[names.DNS_ADDRESSES] == ("127.0.0.1",)
    assert outer.attempts == [("127.0.0.1", "ok")]


def test_the_line_that_calls_is_found_through_tasks_and_helpers(server, spans):
    async def caller():
        return await fetch(server.url())

    async def gathered():
        await asyncio.gather(caller())

    asyncio.run(gathered())
    call = only_call(spans)
    assert call[names.CODE_FUNCTION] == "fetch_with"
    assert call[names.CLIENT_FUNCTION] == "fetch"


def test_under_uvloop_the_same_is_seen(install, server):
    uvloop = pytest.importorskip("uvloop")
    spans = install()

    async def twice():
        async with aiohttp.ClientSession() as session:
            url = server.url("/slow-body", host="localhost")
            return [await fetch_with(session, url) for _ in range(2)]

    assert uvloop.run(twice()) == [b"helloworld", b"helloworld"]
    first, second = calls(spans)
    assert first[names.DNS_HOST] == "localhost"
    assert ("127.0.0.1", "ok") in first.attempts
    assert first.phase("receive") == pytest.approx(DELAY, abs=0.03)
    assert (first[names.PEER_ADDRESS], first[names.PEER_PORT]) == ("127.0.0.1", server.port)
    assert second[names.CONNECTION_STATE] == "reused"


class HangUp(Listener):
    """Closes whatever connects."""

    def serve(self, connection):
        pass


def test_a_connection_that_is_lost_before_its_request_is_sent_fails_the_call(monkeypatch, install):
    lost = asyncio.Event()
    connection_lost = ResponseHandler.connection_lost

    def losing(protocol, error):
        connection_lost(protocol, error)
        lost.set()

    monkeypatch.setattr(ResponseHandler, "connection_lost", losing)
    spans = install()

    async def wait(*_):
        await lost.wait()

    async def call():
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(wait)
        async with aiohttp.ClientSession(trace_configs=[trace]) as session:
            with pytest.raises(aiohttp.ClientConnectionError):
                await fetch_with(session, f"http://127.0.0.1:{server.port}/")

    with HangUp() as server:
        asyncio.run(call())

    call = only_call(spans)
    assert call[names.CONNECTION_STATE] == "new"
    assert call[names.ERROR_PHASE] == "send"
    assert not call.span.status.is_ok

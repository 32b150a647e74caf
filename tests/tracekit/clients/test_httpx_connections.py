"""What httpx's calls are carried by: connections that they wait for, proxies, the host's own."""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass

import pytest
from conformance.outgoing import calls, only_call
from faults.server import FaultServer

from tracekit import attributes as names


def states(spans):
    return [one[names.CONNECTION_STATE] for one in calls(spans)]


def test_who_waits_for_the_only_connection_reuses_it(library, server, spans):
    async def together():
        limits = library.Limits(max_connections=1)
        async with library.AsyncClient(limits=limits) as client:
            await asyncio.gather(*(client.get(server.url("/slow-headers")) for _ in range(3)))

    asyncio.run(together())
    first, *others = calls(spans)
    assert states(spans) == ["new", "reused", "reused"]
    assert all(one.phase("pool") > first.phase("wait") for one in others)
    assert all(one[names.CONNECTION_IDLE] < one.phase("pool") * 1e9 for one in others)


@pytest.fixture
def socks():
    pytest.importorskip("socksio")
    from faults.socks import SocksProxy

    with SocksProxy(delay=0.08) as running:
        yield running


def call_twice(library, url, proxy):
    with library.Client(proxy=proxy, verify=False) as client:
        for _ in range(2):
            client.get(url)


def call_twice_async(library, url, proxy):
    async def call():
        async with library.AsyncClient(proxy=proxy, verify=False) as client:
            for _ in range(2):
                await client.get(url)

    asyncio.run(call())


@pytest.mark.parametrize("call", [call_twice, call_twice_async])
def test_the_way_through_a_socks_proxy_is_a_phase_of_its_own(library, socks, spans, call):
    with FaultServer(tls=True, handshake_delay=0.05) as server:
        call(library, server.url(), socks.url)
        asked = [f"127.0.0.1:{server.port}"]

    first, second = calls(spans)
    assert states(spans) == ["new", "reused"]
    assert socks.asked == asked
    assert first[names.PROXY] == second[names.PROXY] == f"127.0.0.1:{socks.port}"
    assert 0 < first.phase("connect") < 0.05
    assert first.phase("proxy") == pytest.approx(socks.delays.total("proxy"), abs=0.03)
    assert first.phase("tls") == pytest.approx(server.delays.total("handshake"), abs=0.03)
    assert not {"connect", "proxy", "tls"} & second.bounds().keys()
    assert first.attempts == [("127.0.0.1", "ok")]


@pytest.mark.parametrize("call", [call_twice, call_twice_async])
def test_a_socks_proxy_without_tls_behind_it_shows_none(library, socks, server, spans, call):
    call(library, server.url(), socks.url)

    first, _ = calls(spans)
    assert first.phase("proxy") == pytest.approx(socks.delays.total("proxy"), abs=0.03)
    assert "tls" not in first.bounds()


def made_up(library):
    """Return the answer of a pool that has no connections, such as a mocking library's."""
    core = importlib.import_module(library.__name__.replace("httpx", "httpcore"))
    return core.Response(200, content=b"made up")


def test_a_call_that_no_connection_carries_has_its_span(library, spans, monkeypatch):
    transport = library.HTTPTransport()
    monkeypatch.setattr(transport._pool, "handle_request", lambda _: made_up(library))
    with library.Client(transport=transport) as client:
        assert client.get("http://a.test/").text == "made up"

    assert_made_up(only_call(spans))


def test_an_async_call_that_no_connection_carries_has_its_span(library, spans, monkeypatch):
    async def answer(_request):
        return made_up(library)

    async def call():
        transport = library.AsyncHTTPTransport()
        monkeypatch.setattr(transport._pool, "handle_async_request", answer)
        async with library.AsyncClient(transport=transport) as client:
            return await client.get("http://a.test/")

    assert asyncio.run(call()).text == "made up"
    assert_made_up(only_call(spans))


def assert_made_up(call):
    assert call[names.HTTP_STATUS] == 200
    assert call[names.BODY_COMPLETE] is True
    assert call[names.CONNECTION_ID] is None
    assert call[names.PROTOCOL_VERSION] is None


def test_a_transport_that_cannot_be_a_key_has_its_span(library, server, spans):
    @dataclass
    class Tagged(library.HTTPTransport):
        tag: str

        def __post_init__(self):
            library.HTTPTransport.__init__(self)

    with library.Client(transport=Tagged("x")) as client:
        assert_sent_with_its_span(client.get(server.url("/headers")), spans)


def test_an_async_transport_that_cannot_be_a_key_has_its_span(library, server, spans):
    @dataclass
    class Tagged(library.AsyncHTTPTransport):
        tag: str

        def __post_init__(self):
            library.AsyncHTTPTransport.__init__(self)

    async def call():
        async with library.AsyncClient(transport=Tagged("x")) as client:
            return await client.get(server.url("/headers"))

    assert_sent_with_its_span(asyncio.run(call()), spans)


def assert_sent_with_its_span(response, spans):
    call = only_call(spans)
    assert call[names.CONNECTION_STATE] == "new"
    assert call[names.CLIENT_REQUESTS] is None
    sent = response.json()["traceparent"].split("-")[2]
    assert sent == format(call.span.context.span_id, "016x")
    assert "traceparent" not in response.request.headers

from __future__ import annotations

import asyncio

import httpx
import httpx2
import pytest
from conformance.outgoing import calls

from tracekit import attributes as names

pytest.importorskip("h2")

from faults.http2 import Http2Server


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_call_that_waits_for_anothers_connection_has_joined_it(library, spans):
    async def together(url):
        async with library.AsyncClient(http2=True, verify=False) as client:
            await asyncio.gather(client.get(url), client.get(url))
            await client.get(url)

    with Http2Server(handshake_delay=0.08) as server:
        asyncio.run(together(server.url()))

    opened, joined, reused = calls(spans)
    states = [call[names.CONNECTION_STATE] for call in (opened, joined, reused)]
    assert states == ["new", "joined", "reused"]
    assert {call[names.PROTOCOL_VERSION] for call in calls(spans)} == {"2"}
    assert opened.phase("tls") > 0.07
    assert opened[names.TLS_ALPN] == "h2"
    assert joined.phase("tls") == 0
    assert joined.phase("pool") > 0.07
    assert joined[names.CONNECTION_ID] == opened[names.CONNECTION_ID]


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_connection_that_others_are_using_is_not_idle(library, spans):
    async def beside_a_stream(server):
        async with library.AsyncClient(http2=True, verify=False) as client:
            await client.get(server.url())
            async with client.stream("GET", server.url("/held")) as held:
                await client.get(server.url())
                await held.aread()
            await client.get(server.url())

    with Http2Server() as server:
        asyncio.run(beside_a_stream(server))

    opened, held, beside, afterwards = calls(spans)
    assert len({one[names.CONNECTION_ID] for one in calls(spans)}) == 1
    assert held[names.CONNECTION_IDLE] > 0
    assert (beside[names.CONNECTION_STATE], beside[names.CONNECTION_IDLE]) == ("reused", None)
    assert afterwards[names.CONNECTION_IDLE] > 0
    assert opened[names.CONNECTION_IDLE] is None

from __future__ import annotations

import httpx
import pytest
from conformance.outgoing import only_call
from faults.addresses import black_hole, first_address

from tracekit import attributes as names

uvloop = pytest.importorskip("uvloop")


def test_uvloop_shows_look_up_and_every_address(install, resolve, server):
    # uvloop asks the system itself; only the addresses of localhost can be known here.
    spans = install()

    async def call():
        async with httpx.AsyncClient() as client:
            await client.get(server.url(host="localhost"))

    uvloop.run(call())
    call = only_call(spans)
    assert call[names.DNS_HOST] == "localhost"
    assert ("127.0.0.1", "ok") in call.attempts
    assert call.phase("connect") > 0


def test_uvloop_shows_an_address_that_never_answers(install, server):
    spans = install()

    async def call(url):
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(url, timeout=0.2)

    address = first_address()
    with black_hole(address, server.port):
        host = f"[{address}]" if ":" in address else address
        uvloop.run(call(server.url(host=host)))

    assert only_call(spans).attempts == [(address, "cancelled")]
    assert only_call(spans).phase("connect") == pytest.approx(0.2, abs=0.05)

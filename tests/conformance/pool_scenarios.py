"""Calls at the same time: pools that are too small, and connections that several calls share."""

from __future__ import annotations

from conformance.bounds import expect
from conformance.outgoing import Outgoing
from conformance.scenario import scenario
from conformance.stage import Stage
from faults.http2 import Http2Server
from faults.server import DELAY

from tracekit import attributes as names


@scenario("pool of one, three callers")
def pool_of_one(stage: Stage) -> None:
    server = stage.server()
    stage.caller(pool=1, block=True).together([server.url("/slow-headers")] * 3)

    first, second, third = sorted(stage.calls(), key=lambda call: call.phase("pool"))
    waits = server.delays.each("headers")
    expect(first, wait=waits[0], plain=True)
    expect(second, pool=_between(second, first), wait=waits[1], plain=True)
    expect(third, pool=_between(third, second), wait=waits[2], plain=True)
    assert second.phase("pool") > waits[0] * 0.95
    assert third.phase("pool") > (waits[0] + waits[1]) * 0.95
    assert [call[names.CONNECTION_USE] for call in (first, second, third)] == [1, 2, 3]


def _between(waiting: Outgoing, holder: Outgoing) -> float:
    """Return the seconds from the start of *waiting* until *holder* was done with the connection.

    The server's delay is most of it; connecting, sending and receiving are the machine's.
    """
    apart = (holder.span.start_time or 0) - (waiting.span.start_time or 0)
    return (apart + holder.wall) / 1e9


@pool_of_one.instead
def pool_of_one(stage: Stage) -> None:
    """Without a pool nobody waits for one: each call opens a connection and says so."""
    server = stage.server()
    stage.caller(pool=1, block=True).together([server.url("/slow-headers")] * 3)

    assert [call[names.CONNECTION_STATE] for call in stage.calls()] == ["new"] * 3
    assert [call[names.phase("pool")] for call in stage.calls()] == [None] * 3


@scenario("pool discards")
def pool_discards(stage: Stage) -> None:
    server = stage.server()
    caller = stage.caller(pool=1)
    caller.together([server.url("/slow-headers")] * 3)
    caller.get(server.url())

    last = stage.calls()[-1]
    assert last[names.POOL_DISCARDS] == 2
    assert last[names.CONNECTION_STATE] == "reused"


@pool_discards.instead
def pool_discards(stage: Stage) -> None:
    """What is not counted is not claimed."""
    server = stage.server()
    caller = stage.caller(pool=1)
    caller.together([server.url("/slow-headers")] * 3)
    caller.get(server.url())

    assert [call[names.CONNECTION_STATE] for call in stage.calls()[:3]] == ["new"] * 3
    assert [call[names.POOL_DISCARDS] for call in stage.calls()] == [None] * 4


@scenario("HTTP/2 multiplexing", connects=True)
def multiplexed(stage: Stage) -> None:
    server = stage.enter(Http2Server(handshake_delay=DELAY))
    caller = stage.caller(http2=True)
    caller.together([server.url()] * 2)
    caller.get(server.url())

    opened, joined, reused = stage.calls()
    states = [call[names.CONNECTION_STATE] for call in (opened, joined, reused)]
    assert states == ["new", "joined", "reused"]
    assert {call[names.PROTOCOL_VERSION] for call in stage.calls()} == {"2"}
    assert len({call[names.CONNECTION_ID] for call in stage.calls()}) == server.connections == 1
    assert opened[names.TLS_ALPN] == "h2"
    handshake = server.delays.total("handshake")
    expect(opened, tls=handshake)
    # What the first call did besides, asyncio's own share of it included, the second waited for.
    opening, tls = opened[names.phase("send")][0] / 1e9, opened.phase("tls")
    expect(joined, pool=handshake + opening - tls)
    expect(reused)


@multiplexed.instead
def multiplexed(stage: Stage) -> None:
    """Asked for HTTP/2, it speaks HTTP/1.1, on a connection for each call at a time."""
    server = stage.server(tls=True)
    stage.caller(http2=True).together([server.url("/slow-headers")] * 2)

    assert {call[names.PROTOCOL_VERSION] for call in stage.calls()} == {"1.1"}
    assert [call[names.CONNECTION_STATE] for call in stage.calls()] == ["new"] * 2
    assert len({call[names.CONNECTION_ID] for call in stage.calls()}) == server.connections == 2


POOLS = (pool_of_one, pool_discards, multiplexed)

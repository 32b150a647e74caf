"""Opening a connection: look-ups, addresses, handshakes, proxies."""

from __future__ import annotations

from conformance.bounds import expect
from conformance.scenario import scenario
from conformance.stage import Stage
from faults.addresses import black_hole, first_address
from faults.proxy import Proxy
from faults.server import DELAY

from tracekit import attributes as names

PATIENCE = 0.4
HAPPY_EYEBALLS = 0.25
"""How long asyncio's clients wait for the first address before they try the next one as well."""


@scenario("slow name look-up", connects=True)
def slow_look_up(stage: Stage) -> None:
    server = stage.server()
    stage.resolve("slow.test", ["127.0.0.1"], DELAY)
    stage.caller().get(server.url(host="slow.test"))

    call = stage.call()
    expect(call, dns=stage.delays.total("dns"), plain=True)
    assert call[names.DNS_HOST] == "slow.test"
    assert call[names.DNS_ADDRESSES] == ("127.0.0.1",)
    assert call[names.DNS_ERROR] is None


@scenario("black-holed first address", connects=True)
def black_holed_address(stage: Stage) -> None:
    server = stage.server()
    stage.resolve("dual.test", [first_address(), "127.0.0.1"])
    with black_hole(first_address(), server.port):
        stage.caller().get(server.url(host="dual.test"), timeout=PATIENCE)

    call = stage.call()
    patience, outcome = (HAPPY_EYEBALLS, "cancelled") if stage.is_async else (PATIENCE, "timeout")
    expect(call, connect=patience)
    assert call.attempts == [(first_address(), outcome), ("127.0.0.1", "ok")]
    assert call[names.PEER_ADDRESS] == "127.0.0.1"
    assert call[names.SERVER_ADDRESS] == "dual.test"


@scenario("refused first address", connects=True)
def refused_address(stage: Stage) -> None:
    server = stage.server()
    stage.resolve("dual.test", ["127.0.0.9", "127.0.0.1"])
    stage.caller().get(server.url(host="dual.test"))

    call = stage.call()
    expect(call, plain=True)
    assert call.attempts == [("127.0.0.9", "ECONNREFUSED"), ("127.0.0.1", "ok")]
    assert call[names.PEER_ADDRESS] == "127.0.0.1"


@scenario("slow accept", connects=True)
def slow_accept(stage: Stage) -> None:
    """The kernel completes the connection, so the server's delay is in what comes next."""
    plain, secure = (stage.server(accept_delay=DELAY, tls=tls) for tls in (False, True))
    caller = stage.caller()
    caller.get(plain.url())
    caller.get(secure.url())

    first, second = stage.calls()
    expect(first, wait=plain.delays.total("accept"), plain=True)
    expect(second, tls=secure.delays.total("accept") + secure.delays.total("handshake"))


@scenario("slow TLS handshake", connects=True)
def slow_handshake(stage: Stage) -> None:
    server = stage.server(tls=True, handshake_delay=DELAY)
    stage.caller().get(server.url())

    call = stage.call()
    expect(call, tls=server.delays.total("handshake"), plain=True)
    assert call[names.TLS_VERSION] == "1.3"
    assert call[names.TLS_CIPHER]
    assert call[names.TLS_RESUMED] is False


@scenario("proxy CONNECT", connects=True)
def tunnel(stage: Stage) -> None:
    server = stage.server(tls=True, handshake_delay=DELAY)
    proxy = stage.enter(Proxy(delay=2 * DELAY))
    stage.caller(proxy=proxy.url).get(server.url())

    call = stage.call()
    expect(call, proxy=proxy.delays.total("proxy"), tls=server.delays.total("handshake"))
    assert [line.rpartition(" ")[0] for line in proxy.asked] == [f"CONNECT 127.0.0.1:{server.port}"]
    assert call[names.PROXY] == f"127.0.0.1:{proxy.port}"
    assert (call[names.PEER_ADDRESS], call[names.PEER_PORT]) == ("127.0.0.1", proxy.port)
    assert call[names.URL_FULL] == server.url()
    assert call[names.TLS_VERSION] == "1.3"


@scenario("forwarding proxy")
def forwarded(stage: Stage) -> None:
    server = stage.server()
    proxy = stage.enter(Proxy())
    stage.caller(proxy=proxy.url).get(server.url("/slow-headers"))

    call = stage.call()
    expect(call, wait=server.delays.total("headers"))
    assert proxy.asked == [f"GET {server.url('/slow-headers')} HTTP/1.1"]
    assert call[names.phase("proxy")] is None
    assert call[names.PROXY] == f"127.0.0.1:{proxy.port}"
    assert (call[names.PEER_ADDRESS], call[names.PEER_PORT]) == ("127.0.0.1", proxy.port)
    assert call[names.URL_FULL] == server.url("/slow-headers")
    assert call[names.SERVER_PORT] == server.port


OPENING = (
    slow_look_up,
    black_holed_address,
    refused_address,
    slow_accept,
    slow_handshake,
    tunnel,
    forwarded,
)

"""A tunnel being asked for, seen below ``http.client``: by itself, without any client's adapter."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from itertools import pairwise

import pytest
import urllib3
from conformance.caller import Options
from conformance.callers import CALLERS
from conformance.outgoing import calls, only_call
from conformance.urllib3_callers import Urllib3
from faults.listening import Listener
from faults.proxy import Proxy
from faults.server import FaultServer

from tracekit import attributes as names
from tracekit import guard
from tracekit.clients import connect_scope, tunnels
from tracekit.clients.connect_scope import SocketHooks
from tracekit.clients.tunnels import TunnelHooks
from tracekit.phases import ConnectionPhases

DELAY = 0.05
GIVEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"


class OneTunnel:
    """A proxy for one connection, which waits before it answers; then nothing more is said."""

    def __init__(self, answer=GIVEN, delay=DELAY):
        self._answer, self._delay = answer, delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asked = b""

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self._listener.close()

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection:
            while not self.asked.endswith(b"\r\n\r\n"):
                self.asked += connection.recv(65536)
            time.sleep(self._delay)
            connection.sendall(self._answer)
            connection.recv(1)  # until the other side leaves


@pytest.fixture
def hooks():
    parts, before = (SocketHooks(), TunnelHooks()), guard.faults()
    for part in parts:
        part.install()
    yield
    for part in reversed(parts):
        part.uninstall()
    assert guard.faults() == before


@pytest.fixture
def record(hooks):
    """The record of a call that is just opening its connection."""
    made = ConnectionPhases("http.client", time.perf_counter_ns())
    made.state, made.connecting = "new", True
    made.begin("connect", made.start)
    token = connect_scope.current.set(made)
    yield made
    connect_scope.current.reset(token)


def through(proxy, target="server.test"):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
    connection.set_tunnel(target, 443)
    return connection


def test_the_time_until_the_proxy_agrees_is_the_proxys(record):
    with OneTunnel() as proxy:
        connection = through(proxy)
        connection.connect()
        connection.close()

    phases = record.bounds(time.perf_counter_ns())
    start, end = phases["proxy"]
    assert proxy.asked.startswith(b"CONNECT server.test:443 ")
    assert DELAY <= (end - start) / 1e9 < DELAY + 0.05
    assert start == phases["connect"][1]
    assert [one.outcome for one in record.attempts] == ["ok"]


def test_a_proxy_that_refuses_leaves_the_phase_closed_and_the_error_to_the_host(record):
    with OneTunnel(REFUSED) as proxy, pytest.raises(OSError, match="407"):
        through(proxy).connect()

    start, end = record.marks["proxy"]
    assert end - start >= DELAY * 1e9


def test_a_proxy_that_hangs_up_leaves_the_phase_closed(record):
    with OneTunnel(b"") as proxy:
        connection = through(proxy)
        connection.timeout = DELAY / 2
        with pytest.raises(TimeoutError):
            connection.connect()
        connection.close()

    assert record.marks["proxy"][1] > record.marks["proxy"][0]


def test_without_a_call_that_is_traced_nothing_is_noted(hooks):
    with OneTunnel(delay=0) as proxy:
        connection = through(proxy)
        connection.connect()
        connection.close()

    assert connect_scope.current.get() is None


def test_a_connection_that_some_other_call_opens_meanwhile_is_not_noted(record):
    record.connecting = False
    with OneTunnel(delay=0) as proxy:
        connection = through(proxy)
        connection.connect()
        connection.close()

    assert "proxy" not in record.marks


def test_tls_to_the_proxy_itself_counts_as_the_proxys(record):
    now = time.perf_counter_ns()
    connect_scope.tried(record, ("127.0.0.1", 3128), now - 1_000)
    reached = record.attempts[-1].end
    record.handshake = reached + 5
    tunnels._asking(record)

    assert record.marks["proxy"][0] == reached
    assert record.handshake is None


def test_the_hook_is_gone_afterwards(hooks):
    hooked = http.client.HTTPConnection._tunnel
    part = TunnelHooks()
    part.install()
    assert http.client.HTTPConnection._tunnel is not hooked
    part.uninstall()

    assert http.client.HTTPConnection._tunnel is hooked


def test_a_python_without_the_method_has_no_tunnels_to_show(monkeypatch):
    monkeypatch.delattr(http.client.HTTPConnection, "_tunnel")
    part = TunnelHooks()
    part.install()
    part.uninstall()

    assert not hasattr(http.client.HTTPConnection, "_tunnel")


def test_through_urllib3_tls_with_the_server_comes_after_the_proxy(spans):
    with (
        FaultServer(tls=True, handshake_delay=DELAY) as server,
        Proxy(delay=DELAY) as proxy,
        urllib3.ProxyManager(proxy.url, cert_reqs="NONE") as pools,
    ):
        assert pools.request("GET", server.url()).data == b"hello"

        port = proxy.port

    call = only_call(spans)
    assert call[names.PROXY] == f"127.0.0.1:{port}"
    order = [call[names.phase(one)] for one in ("connect", "proxy", "tls", "send")]
    assert all(one[1] <= two[0] for one, two in pairwise(order))
    assert call.phase("proxy") >= DELAY
    assert call.phase("tls") >= DELAY
    assert call[names.PEER_PORT] == port


def test_a_certificate_that_fails_behind_the_tunnel_is_an_error_of_tls(spans):
    with (
        FaultServer(tls=True) as server,
        Proxy() as proxy,
        urllib3.ProxyManager(proxy.url, retries=False) as pools,
        pytest.raises(urllib3.exceptions.SSLError) as caught,
    ):
        pools.request("GET", server.url())

    assert isinstance(caught.value.args[0], ssl.SSLError)
    call = only_call(spans)
    assert call[names.ERROR_PHASE] == "tls"
    assert call.phase("proxy") > 0


class Refusing(Listener):
    """A proxy that takes its time to refuse each tunnel."""

    def serve(self, connection):
        connection.recv(65536)
        self.delays.pause("proxy", DELAY)
        connection.sendall(REFUSED)


def refused_in_proxy(call):
    return (
        call[names.ERROR_PHASE] == "proxy"
        and call.phase("proxy") >= DELAY
        and call[names.phase("tls")] is call[names.TLS_SETUP] is None
        and "tls" not in (call[names.DERIVED] or ())
    )


@pytest.mark.parametrize("kind", [one for one in CALLERS if one is not Urllib3])
def test_a_refused_tunnel_fails_in_the_phase_of_the_proxy_and_not_in_tls(spans, kind):
    with (
        Refusing() as proxy,
        kind(Options(proxy=f"http://127.0.0.1:{proxy.port}")) as caller,
        pytest.raises(caller.errors),
    ):
        caller.get("https://server.test:443/")

    assert refused_in_proxy(only_call(spans))


def test_a_tunnel_refused_to_urllib3_fails_there_every_time_it_is_asked_for(spans):
    with (
        Refusing() as proxy,
        urllib3.ProxyManager(f"http://127.0.0.1:{proxy.port}", retries=1) as pools,
        pytest.raises(urllib3.exceptions.MaxRetryError),
    ):
        pools.request("GET", "https://server.test/")

    assert [refused_in_proxy(call) for call in calls(spans)] == [True, True]

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from faults.server import CERTIFICATE, FaultServer

from tracekit.clients import tcp_info as module
from tracekit.clients.registry import Connection
from tracekit.clients.tcp_info import TcpInfo, tcp_info
from tracekit.phases import ConnectionPhases

MILLISECOND = 1_000_000
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone answers")


class KernelTcpInfo(ctypes.Structure):
    """``struct tcp_info`` as linux/tcp.h has it, up to what is read; ctypes finds the offsets."""

    _fields_ = (
        *((name, ctypes.c_uint8) for name in ("state", "ca_state", "retransmits", "probes")),
        *((name, ctypes.c_uint8) for name in ("backoff", "options", "wscale", "rate_limited")),
        *((name, ctypes.c_uint32) for name in ("rto", "ato", "snd_mss", "rcv_mss")),
        *((name, ctypes.c_uint32) for name in ("unacked", "sacked", "lost", "retrans", "fackets")),
        *((name, ctypes.c_uint32) for name in ("last_data_sent", "last_ack_sent")),
        *((name, ctypes.c_uint32) for name in ("last_data_recv", "last_ack_recv")),
        *((name, ctypes.c_uint32) for name in ("pmtu", "rcv_ssthresh", "rtt", "rttvar")),
        *((name, ctypes.c_uint32) for name in ("snd_ssthresh", "snd_cwnd", "advmss")),
        *((name, ctypes.c_uint32) for name in ("reordering", "rcv_rtt", "rcv_space")),
        ("total_retrans", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("pacing_rate", "max_pacing_rate")),
        *((name, ctypes.c_uint64) for name in ("bytes_acked", "bytes_received")),
        *((name, ctypes.c_uint32) for name in ("segs_out", "segs_in", "notsent_bytes", "min_rtt")),
    )


@pytest.fixture
def pair():
    """Both ends of a TCP connection over which something has passed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        client.sendall(b"ping")
        server.recv(4)
        server.sendall(b"pong")
        client.recv(4)
        yield client, server


@linux
def test_a_connection_on_this_machine_takes_microseconds_and_repeats_nothing(pair):
    for end in pair:
        told = tcp_info(end)
        assert 0 < told.rtt < 50 * MILLISECOND
        assert told.retransmits == 0


@linux
def test_the_values_stand_where_the_kernels_own_structure_has_them(pair):
    client, _ = pair
    size = ctypes.sizeof(KernelTcpInfo)
    raw = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    kernel = KernelTcpInfo.from_buffer_copy(raw)

    assert (KernelTcpInfo.total_retrans.offset, KernelTcpInfo.min_rtt.offset) == (100, 148)
    assert tcp_info(client) == TcpInfo(kernel.min_rtt * 1000, kernel.total_retrans)
    assert kernel.snd_mss > 500  # a neighbour that is easy to recognise: the structure is right
    assert kernel.state == 1  # ESTABLISHED


@linux
def test_a_server_that_thinks_is_not_far_away(pair):
    client, server = pair
    for _ in range(5):
        client.sendall(b"question")
        server.recv(8)
        threading.Event().wait(0.02)  # it thinks
        server.sendall(b"answer")
        client.recv(6)

    assert tcp_info(client).rtt < 10 * MILLISECOND


@linux
@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss")
def test_ss_reads_the_same_round_trip_from_the_same_socket(pair):
    client, _ = pair
    port, peer = client.getsockname()[1], client.getpeername()[1]
    command = ["ss", "-Htin", f"sport = :{port} and dport = :{peer}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"\bminrtt:([\d.]+)", said.stdout)
    if found is None:
        pytest.skip(f"ss says nothing here: {said.stderr.strip()}")

    assert tcp_info(client).rtt == pytest.approx(float(found[1]) * MILLISECOND, abs=1000)


@linux
def test_an_ipv6_connection_is_told_as_well():
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6")
    with listener, socket.create_connection(listener.getsockname()[:2]) as client:
        assert tcp_info(client).rtt > 0


@linux
def test_a_tls_socket_is_asked_like_any_other():
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    with (
        FaultServer(tls=True) as server,
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert 0 < tcp_info(secured).rtt < 50 * MILLISECOND


def test_what_is_no_open_tcp_socket_has_nothing_to_tell(pair):
    client, _ = pair
    client.close()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socketpair()[0] as unix,
        open(os.devnull, "rb") as file,
    ):
        assert [tcp_info(one) for one in (client, udp, unix, file, None)] == [None] * 5


def test_a_socket_that_was_detached_has_nothing_to_tell(pair):
    client, _ = pair
    descriptor = client.detach()
    try:
        assert tcp_info(client) is None
    finally:
        os.close(descriptor)


@linux
def test_a_listener_is_not_taken_for_a_connection_that_was_slow():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told = tcp_info(listener)

    assert told is None or told == TcpInfo(0, 0)


def test_a_kernel_that_tells_less_tells_nothing(monkeypatch):
    class Old:
        def getsockopt(self, *_args):
            return b"\0" * 92

    monkeypatch.setattr(module, "_OPTION", 11)
    assert tcp_info(Old()) is None


def test_where_python_knows_no_tcp_info_nothing_is_asked(monkeypatch, pair):
    monkeypatch.setattr(module, "_OPTION", None)

    assert tcp_info(pair[0]) is None


@linux
def test_a_segment_sent_again_is_counted():
    # A listener's backlog of none drops the second connection's SYN; the kernel repeats it in 1 s.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        late = socket.socket()
        late.settimeout(8)
        taker = threading.Timer(0.3, lambda: [listener.accept() for _ in range(2)])
        taker.start()
        try:
            late.connect(listener.getsockname())
            told = tcp_info(late)
        except OSError:
            pytest.skip("the backlog is not kept here")
        finally:
            taker.join()
            for one in (*waiting, late):
                one.close()

    assert told.retransmits >= 1


def told_in_turn(monkeypatch, *counts):
    """Return a connection to a kernel that has sent so many segments again, and later so many."""
    answers = iter([TcpInfo(5, count) for count in counts])
    monkeypatch.setattr("tracekit.clients.registry.tcp_info", lambda _sock: next(answers))
    return Connection(None)


def test_each_call_is_told_what_was_sent_again_since_the_one_before(monkeypatch):
    connection, seen = told_in_turn(monkeypatch, 0, 3, 3, 4), []
    for _ in range(4):
        record = ConnectionPhases("urllib3", 0)
        connection.probe(None, record)
        seen.append((record.rtt, record.retransmits))

    assert seen == [(5, None), (5, 3), (5, None), (5, 1)]

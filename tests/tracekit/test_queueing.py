from __future__ import annotations

import socket
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.cell import Cell, new_id, running
from servers.hosts import HOSTS
from sockets import Client, get, serving_asgi

import tracekit
from tracekit import attributes as names
from tracekit.queueing import HEADERS, told_by_kernel, told_by_proxy
from tracekit.testing import Capture

SECOND = 1_000_000_000
WAITS = st.integers(SECOND, 500 * SECOND)
UNITS = st.sampled_from((SECOND, 1_000_000, 1_000, 1))
PREFIXES = st.sampled_from(("", "t="))
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")


def told(text: str) -> int | None:
    found = told_by_proxy({"x-request-start": [text]})
    return None if found is None else found.ns


# --- what a proxy says ------------------------------------------------------------------------


def assert_told(text: str, taken: int) -> None:
    """Assert that *text* is understood as *taken*, to the nanosecond."""
    before = time.time_ns()
    found = told(text)
    after = time.time_ns()

    assert found is not None
    assert before - taken <= found <= after - taken


@given(waited=WAITS, unit=UNITS, prefix=PREFIXES)
def test_a_whole_number_is_taken_in_any_unit(waited: int, unit: int, prefix: str) -> None:
    taken = (time.time_ns() - waited) // unit

    assert_told(f"{prefix}{taken}", taken * unit)


@given(waited=WAITS, prefix=PREFIXES, digits=st.integers(1, 9))
def test_a_fraction_of_seconds_counts(waited: int, prefix: str, digits: int) -> None:
    taken = (time.time_ns() - waited) // 10 ** (9 - digits) * 10 ** (9 - digits)
    fraction = f"{taken % SECOND:09}"[:digits]

    assert_told(f"{prefix}{taken // SECOND}.{fraction}", taken)


@given(waited=WAITS, micros=st.integers(0, 999))
def test_a_fraction_of_milliseconds_counts_as_such(waited: int, micros: int) -> None:
    millis = (time.time_ns() - waited) // 1_000_000

    assert_told(f"{millis}.{micros:03}", millis * 1_000_000 + micros * 1000)


@given(st.text(alphabet="0123456789.t= -+eE,x\t", max_size=40))
def test_nonsense_never_raises_and_is_no_time(text: str) -> None:
    found = told(text)

    assert found is None or 0 < found < 600 * SECOND


@pytest.mark.parametrize("text", ["", "now", "t=", "12", "1e9", "-1700000000", "1700000000,1", "٣"])
def test_what_is_no_unix_time_counts_as_none(text: str) -> None:
    assert told(text) is None


@given(ahead=st.integers(2 * SECOND, 10**6 * SECOND), unit=UNITS)
def test_a_time_in_the_future_counts_as_none(ahead: int, unit: int) -> None:
    assert told(str((time.time_ns() + ahead) // unit)) is None


def test_a_time_long_ago_is_a_wrong_clock() -> None:
    assert told(str((time.time_ns() - 700 * SECOND) // SECOND)) is None


def test_the_first_header_that_can_be_counts() -> None:
    taken = str(time.time_ns() - 2 * SECOND)
    found = told_by_proxy({HEADERS[0]: ["nonsense"], HEADERS[1]: ["?", taken]})

    assert found is not None
    assert found.source == "x-request-start"
    assert 2 * SECOND <= found.ns < 10 * SECOND
    assert told_by_proxy({}) is None


# --- what the kernel says ---------------------------------------------------------------------


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/block":
        scope["app.blocked"].set()
        time.sleep(0.3)  # what holds the loop is what the test is about
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@on_linux
def test_a_request_that_uvicorns_blocked_loop_let_wait_says_how_long(captured: Capture) -> None:
    blocked = threading.Event()
    traced = tracekit.ASGIMiddleware(hello)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await traced({**scope, "app.blocked": blocked}, receive, send)

    with serving_asgi(app) as port:
        blocker = threading.Thread(target=get, args=(port, "/block"))
        blocker.start()
        assert blocked.wait(5)
        time.sleep(0.1)
        sent = time.time_ns()
        get(port, "/")
        blocker.join()
    span = next(span for span in captured.wait(2) if span.attributes["url.path"] == "/")

    assert span.attributes[names.QUEUE_SOURCE] == "tcp_info"
    assert abs(span.attributes[names.QUEUE] - (span.start_time - sent)) < 30_000_000
    assert span.attributes[names.QUEUE] > 100_000_000


@on_linux
def test_a_request_that_a_busy_gunicorn_let_wait_says_how_long(tmp_path: Any) -> None:
    host = next(host for host in HOSTS if host.name == "gunicorn-sync")
    asked = new_id()
    with running(host, tmp_path) as server, server.client() as first, server.client() as second:
        cell = Cell(server, "bare")
        cell.get("/")
        busy = "/stream?chunks=2&stall=0.3"
        with first.stream("GET", busy, headers=cell.headers(new_id())) as response:
            next(response.iter_raw())
            time.sleep(0.1)
            sent = time.time_ns()
            second.get("/", headers=cell.headers(asked))
        span = cell.span(asked)

    assert span[names.QUEUE_SOURCE] == "tcp_info"
    assert abs(span[names.QUEUE] - (span.start - sent)) < 30_000_000
    assert span[names.QUEUE] > 100_000_000


def test_a_request_that_did_not_wait_says_nothing(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        client = Client(port)
        for _ in range(3):
            client.get().read()
        client.close()

    assert any(names.QUEUE not in span.attributes for span in captured.wait(3))


def test_a_proxys_word_counts_before_the_kernels(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello)) as port:
        get(port, X_Request_Start=f"t={time.time() - 2:.3f}")
    (span,) = captured.wait(1)

    assert span.attributes[names.QUEUE_SOURCE] == "x-request-start"
    assert 2 * SECOND <= span.attributes[names.QUEUE] < 4 * SECOND


def test_a_caller_that_is_not_trusted_does_not_say_how_long_it_waited(captured: Capture) -> None:
    with serving_asgi(tracekit.ASGIMiddleware(hello, trust_incoming=False)) as port:
        get(port, X_Request_Start=f"t={time.time() - 2:.3f}")

    assert captured.wait(1)[0].attributes.get(names.QUEUE_SOURCE) != "x-request-start"


def test_what_is_no_tcp_socket_says_nothing() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert told_by_kernel(one) is None
    assert told_by_kernel(one) is None  # closed
    assert told_by_kernel(object()) is None
    assert told_by_kernel(None) is None

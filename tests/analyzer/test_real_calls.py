"""What real clients did is traced to the line that did it."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import httpx
import pytest
import requests
import urllib3
from faults.addresses import resolver
from faults.server import FaultServer
from recorded import Recording, line, recording

from analyzer.commands.reading import history_of
from analyzer.facts import CallFacts
from analyzer.quality import quality_of
from analyzer.span import Kind
from analyzer.store import open_store
from tracekit import attributes as a

SLOW = 0.03
"""Seconds that looking the server's name up takes: what a connection costs here at least."""
HOST = "back.test"


@pytest.fixture
def server():
    with FaultServer(delay=0.01) as running:
        yield running


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket, "getaddrinfo", resolver(HOST, ["127.0.0.1"], delay=SLOW))
    with recording() as made:
        yield made


def here(number: int, function: str) -> str:
    return f"{__file__}:{number} in {function}()"


def test_a_client_per_request_is_traced_to_the_line_that_makes_it(recorded, server):
    with recorded.request():
        for _ in range(2):
            with httpx.Client() as client:
                made = line(1)
                client.get(server.url(host=HOST))

    finding = recorded.finding("no-connection-reuse")
    assert finding.where == here(
        made, "test_a_client_per_request_is_traced_to_the_line_that_makes_it"
    )
    assert finding.cost_ns >= 2 * SLOW * 1e9


def test_a_missing_session_is_traced_to_the_line_of_the_call(recorded, server):
    with recorded.request():
        for _ in range(2):
            requests.get(server.url(host=HOST), timeout=5)
            called = line(1)

    finding = recorded.finding("no-connection-reuse")
    assert finding.where == here(called, "test_a_missing_session_is_traced_to_the_line_of_the_call")
    assert "on the very line of the call" in " ".join(finding.evidence)
    assert finding.fix[0].startswith("session = requests.Session()")


def three_at_once(recorded: Recording, url: str, pool: urllib3.PoolManager) -> None:
    barrier = threading.Barrier(3)

    def get() -> None:
        barrier.wait(5)
        pool.request("GET", url)

    with ThreadPoolExecutor(3) as threads:
        for task in [threads.submit(copy_context().run, get) for _ in range(3)]:
            task.result(5)


def test_a_discarded_connection_is_traced_to_the_line_that_makes_the_pool(recorded, server):
    pool = urllib3.PoolManager()
    made = line(1)
    with recorded.request():
        three_at_once(recorded, server.url("/slow-headers", HOST), pool)
        three_at_once(recorded, server.url("/slow-headers", HOST), pool)

    finding = recorded.finding("pool-too-small")
    assert finding.where == here(
        made, "test_a_discarded_connection_is_traced_to_the_line_that_makes_the_pool"
    )
    assert "thrown" in " ".join(finding.evidence)
    assert "maxsize=" in " ".join(finding.fix)
    assert not [one for one in recorded.report.findings if one.rule == "no-connection-reuse"]


def test_a_kept_session_is_no_finding(recorded, server):
    session = requests.Session()
    with recorded.request():
        session.get(server.url(host=HOST), timeout=5)
    with recorded.request():
        for _ in range(3):
            session.get(server.url(host=HOST), timeout=5)

    assert recorded.report.findings == ()
    assert [call.connection.state for call in recorded.report.calls] == ["reused"] * 3


def test_a_store_remembers_when_a_session_was_last_used(recorded, server, tmp_path):
    session = requests.Session()
    with recorded.request():
        session.get(server.url(host=HOST), timeout=5)
    with recorded.request():
        session.get(server.url(host=HOST), timeout=5)
    first, second = (span for span in recorded.spans if span.kind is Kind.CLIENT)

    with open_store(tmp_path / "traces.duckdb", create=True) as store:
        store.insert(recorded.spans)
        seen = history_of(store).last_use(
            "api",
            f"{HOST}:{server.port}",
            process=f"one-host {os.getpid()}",
            born_ns=second.start_ns - int(str(second.attributes[a.CLIENT_AGE])),
            within_ns=1_000_000,
            before_ns=second.start_ns,
        )

    assert seen == first.end_ns


def test_waiting_for_the_only_connection_of_a_pool_is_named(recorded, server):
    pool = urllib3.PoolManager(maxsize=1, block=True)
    made = line(1)
    server.delay = 0.05
    with recorded.request():
        pool.request("GET", server.url("/slow-headers", HOST))
        three_at_once(recorded, server.url("/slow-headers", HOST), pool)

    finding = recorded.finding("pool-too-small")
    assert finding.where == here(made, "test_waiting_for_the_only_connection_of_a_pool_is_named")
    assert "waited for a free connection" in finding.evidence[0]
    assert finding.cost_ns >= 0.04e9


def test_a_redirect_is_traced_to_the_line_of_the_call(recorded, server):
    with recorded.request():
        requests.get(server.url("/redirect", HOST), timeout=5)
        called = line(1)

    finding = recorded.finding("redirect")
    assert finding.title == "GET /redirect is redirected"
    assert finding.where == here(called, "test_a_redirect_is_traced_to_the_line_of_the_call")
    assert finding.fix == (f"call {server.url('/', HOST)} at once",)


def test_a_dead_connection_that_urllib3_retries_on_is_named(recorded, server):
    pool = urllib3.PoolManager()
    with recorded.request():
        pool.request("GET", server.url(host=HOST))
        pool.request("GET", server.url("/dropped-once", HOST))
        called = line(1)

    finding = recorded.finding("hidden-retry")
    assert finding.where == here(called, "test_a_dead_connection_that_urllib3_retries_on_is_named")
    assert "on a kept connection" in finding.evidence[0]


def test_a_stream_that_stalls_is_told_with_its_gaps(recorded, server):
    with recorded.request(), httpx.stream("GET", server.url("/paused", HOST)) as response:
        called = line(1)
        assert len([*response.iter_raw()]) >= 5

    finding = recorded.finding("stream-stalls")
    assert finding.where == here(called, "test_a_stream_that_stalls_is_told_with_its_gaps")
    assert finding.cost_ns >= 0.14e9
    (call,) = recorded.report.calls
    assert call.body is not None
    assert call.body.ended == "complete"
    assert (call.body.stalls or 0) >= 1
    assert (call.body.largest_gap_ns or 0) >= 0.14e9


@pytest.mark.parametrize("path", ["/", "/paused", "/redirect", "/chunked"])
def test_the_phases_and_what_none_explains_sum_to_the_call(recorded, server, path):
    with recorded.request():
        requests.get(server.url(path, HOST), timeout=5)
        httpx.get(server.url(path, HOST), follow_redirects=True)

    for call in recorded.report.calls:
        assert sum(phase.ns for phase in call.phases) + unexplained(call) == call.ns
        assert quality_of(call)["unexplained_ns"] == "derived"


def unexplained(call: CallFacts) -> int:
    assert call.unexplained_ns is not None
    return call.unexplained_ns


def test_what_was_worked_out_is_said_to_be(recorded, server):
    with recorded.request():
        httpx.get(server.url(host=HOST))

    (call,) = recorded.report.calls
    assert quality_of(call)["phases.pool"] == "derived"
    assert quality_of(call)["phases.dns"] == "measured"
    assert quality_of(call)["connection.state"] == "measured"

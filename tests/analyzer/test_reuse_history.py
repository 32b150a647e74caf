"""How many connections of a process were needless, as the store counts them."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from faults.server import FaultServer
from recorded import Recording, recording
from trace_building import call, span

from analyzer.commands.reading import history_of, reports_of
from analyzer.report import Finding
from analyzer.requests import ProcessReuse, reuse_history
from analyzer.store import open_store
from tracekit import attributes as a

SECOND = 1_000
RULE = "no-connection-reuse"


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "traces.duckdb", create=True) as made:
        yield made


@pytest.fixture
def server():
    with FaultServer(delay=0.01) as running:
        yield running


def opening(start, end, requests=0, **more):
    known = {a.CONNECTION_STATE: "new", a.CLIENT_REQUESTS: requests, **more.pop("attributes", {})}
    return call(start, end, None, attributes=known, **more)


def needless(store):
    return [process.needless for process in reuse_history(store, "api", "back:80").processes]


def test_calls_side_by_side_need_a_connection_each(store):
    store.insert([opening(start, 100 + start, requests=start) for start in range(20)])

    assert needless(store) == [0]


@pytest.mark.parametrize("known", [{}, {a.CLIENT_REQUESTS: None}], ids=["a new client", "unknown"])
def test_a_connection_opened_after_an_earlier_call_had_ended_is_needless(store, known):
    store.insert([opening(0, 40), opening(40, 80, attributes=known), opening(9_000, 9_040)])

    assert needless(store) == [2]


def test_a_kept_client_may_find_its_connection_closed_after_two_seconds(store):
    store.insert([opening(0, 40), opening(1_900, 1_940, 1), opening(4 * SECOND, 5 * SECOND, 2)])

    assert needless(store) == [1]


def test_a_client_that_is_not_known_may_be_a_kept_one(store):
    unknown = {a.CLIENT_REQUESTS: None}
    store.insert([opening(at, at + 40, attributes=unknown) for at in (0, 3 * SECOND, 6 * SECOND)])

    assert needless(store) == [0]


def test_a_call_without_an_answer_leaves_no_connection(store):
    store.insert([opening(0, 40, attributes={a.HTTP_STATUS: None}), opening(50, 90)])

    assert needless(store) == [0]


def test_a_body_that_is_read_after_its_span_holds_the_connection(store):
    headers = opening(0, 40)
    body = span("receive", 40, 400, headers, attributes={a.BODY_OF: headers.span_id})
    store.insert([headers, body, opening(50, 90), opening(400, 440)])

    assert needless(store) == [1]


def test_another_process_leaves_no_connection(store):
    other = {a.HOST_ID: "one-host", a.PROCESS_PID: 7}
    store.insert([opening(0, 40), opening(50, 90, resource=other)])

    assert needless(store) == [0, 0]


def test_processes_that_are_not_told_apart_are_counted_as_one(store):
    store.insert([opening(0, 40, resource={}), opening(50, 90, resource={})])

    assert needless(store) == [1]


def test_the_first_calls_of_clients_are_counted(store):
    store.insert([opening(0, 40), opening(0, 40, 1), opening(0, 40, attributes={"x": 1})])

    (process,) = reuse_history(store, "api", "back:80").processes
    assert (process.new, process.first_calls) == (3, 2)


class OtherCollector:
    """A store that answers in another version's columns."""

    name = "a store"

    def __init__(self, **more):
        self._row = {"instance": "x", "calls": 3, "new": 3, "reused": 0, **more}

    def query(self, name, **_):
        return [self._row] if name == "reuse_history" else []


def test_an_older_collector_counts_less_and_a_newer_one_more():
    (older,) = reuse_history(OtherCollector(), "api", "back:80").processes
    newer = reuse_history(OtherCollector(needless=2, first_calls=1, else_=5), "api", "back:80")

    assert older == ProcessReuse("x", 3, 3, 0, None, None)
    assert newer.processes == (ProcessReuse("x", 3, 3, 0, 2, 1),)


def at_once(recorded: Recording, number: int, get) -> None:
    async def handle() -> None:
        with recorded.request():
            await get()

    async def main() -> None:
        await asyncio.gather(*(handle() for _ in range(number)))

    asyncio.run(main())


def findings_in(store, recorded: Recording) -> list[Finding]:
    store.insert(recorded.spans)
    history = history_of(store)
    traces = {span.trace_id for span in recorded.spans}
    reports = list(reports_of(store, sorted(traces), history))
    return [one for report in reports for one in report.findings if one.rule == RULE]


def test_one_burst_of_requests_with_one_real_client_is_innocent(store, server):
    with recording() as recorded:
        client = httpx.AsyncClient()
        at_once(recorded, 8, lambda: client.get(server.url("/slow-headers")))

    assert findings_in(store, recorded) == []
    assert reuse_history(store, "api", f"127.0.0.1:{server.port}").new >= 3


def test_one_burst_of_requests_with_a_real_client_each_is_proof(store):
    async def get() -> None:
        async with httpx.AsyncClient(verify=False) as client:
            await client.get(server.url("/slow-headers"))

    with FaultServer(tls=True, handshake_delay=0.02) as server, recording() as recorded:
        at_once(recorded, 8, get)

    found = findings_in(store, recorded)
    assert len(found) == 8
    assert all("Sure: in the store, 8 of 8 calls" in one.evidence[-1] for one in found)


def test_clients_that_threads_may_keep_are_only_likely_to_be_needless(store):
    kept = []

    def session(server) -> httpx.Client:
        kept.append(httpx.Client(verify=False))
        return kept[-1]

    with FaultServer(tls=True, handshake_delay=0.02) as server, recording() as recorded:
        for _ in range(4):  # as many threads, one after the other
            with recorded.request():
                session(server).get(server.url("/headers"))

    found = findings_in(store, recorded)
    assert len(found) == 4
    assert all(one.evidence[-1].startswith("Likely: in the store, 4 of 4 calls") for one in found)

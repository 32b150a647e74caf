from __future__ import annotations

import gc
import threading
import time

import httpx
import pytest
import requests
from conformance.outgoing import calls, only_call
from faults.server import FaultServer
from opentelemetry.sdk.trace import TracerProvider

import tracekit
from tracekit import attributes as names
from tracekit import clients, garbage, guard
from tracekit.garbage import GarbageHooks
from tracekit.testing import Capture


@pytest.fixture
def hooks():
    installed = GarbageHooks()
    installed.install()
    yield installed
    installed.uninstall()


def collect():
    """Collect something that takes a while; return how long, in nanoseconds."""
    rings = [[] for _ in range(50_000)]
    for ring in rings:
        ring.append(ring)
    del rings
    start = time.perf_counter_ns()
    gc.collect()
    return time.perf_counter_ns() - start


def test_a_collection_is_timed(hooks):
    before = garbage.collected()
    took = collect()
    seen = garbage.collected() - before

    assert seen > 0
    # A later, younger collection may have happened while the list was made.
    assert took * 0.8 < seen < took * 3


def test_without_hooks_nothing_counts():
    before = garbage.collected()
    collect()

    assert garbage.collected() == before


def test_hooks_put_in_and_taken_out_leave_the_callbacks_as_they_were():
    def theirs(_phase, _info): ...

    gc.callbacks.append(theirs)
    try:
        before = list(gc.callbacks)
        for _ in range(100):
            hooks = GarbageHooks()
            hooks.install()
            assert len(gc.callbacks) == len(before) + 1
            hooks.uninstall()
        assert gc.callbacks == before
    finally:
        gc.callbacks.remove(theirs)


def test_a_callback_that_came_later_stays_in_its_place():
    def theirs(_phase, _info): ...

    before, hooks = list(gc.callbacks), GarbageHooks()
    hooks.install()
    gc.callbacks.append(theirs)
    hooks.uninstall()
    try:
        assert gc.callbacks == [*before, theirs]
    finally:
        gc.callbacks.remove(theirs)


def test_hooks_taken_out_in_the_middle_of_a_collection_start_clean_the_next_time(hooks):
    garbage._watch("start", {})
    hooks.uninstall()
    before = garbage.collected()
    hooks.install()
    garbage._watch("stop", {})

    assert garbage.collected() == before


def test_a_fault_of_ours_does_not_reach_the_collector(hooks, monkeypatch):
    faults = guard.faults().get("garbage.watch", 0)
    monkeypatch.setattr(garbage, "perf_counter_ns", lambda: 1 / 0)
    gc.collect()
    monkeypatch.undo()

    assert guard.faults()["garbage.watch"] > faults


@pytest.fixture
def spans():
    captured, provider = Capture(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(captured)
    clients.install(provider)
    yield captured
    clients.uninstall()


@pytest.mark.parametrize("get", [requests.get, httpx.get], ids=["urllib3", "httpx"])
def test_a_collection_inside_a_call_is_told_on_it(spans, get):
    with FaultServer() as server:
        took = []

        def meanwhile():
            server.arrived.acquire()
            took.append(collect())
            server.released.set()

        other = threading.Thread(target=meanwhile)
        other.start()
        get(server.url("/held"))
        other.join()

    assert only_call(spans)[names.GC_TIME] >= took[0] * 0.8


def test_a_call_without_a_collection_says_nothing(spans):
    with FaultServer() as server, requests.Session() as session:
        session.get(server.url())
        gc.disable()
        try:
            session.get(server.url())
        finally:
            gc.enable()

    assert calls(spans)[-1][names.GC_TIME] is None


def test_two_that_want_it_counted_count_once_and_to_the_last(hooks):
    other, before = GarbageHooks(), len(gc.callbacks)
    other.install()
    assert len(gc.callbacks) == before
    other.uninstall()
    counted = garbage.collected()
    collect()

    assert garbage.collected() > counted


def test_a_service_without_clients_counts_too(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    before = list(gc.callbacks)
    tracekit.init("s", clients=False)
    try:
        assert len(gc.callbacks) == len(before) + 1
    finally:
        tracekit.shutdown()
    assert gc.callbacks == before

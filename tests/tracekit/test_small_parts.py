from __future__ import annotations

import logging
import os
import signal
import threading
import time
import warnings

import pytest
from opentelemetry import trace

import tracekit
from tracekit import clock, guard, resource
from tracekit.fork_lock import ForkLock
from tracekit.settings import Settings
from tracekit.testing import capture


def test_a_fault_is_counted_every_time_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tracekit"):
        for _ in range(3):
            guard.fault("test.once", ValueError("broken"))
    assert guard.faults()["test.once"] == 3
    (record,) = caplog.records
    assert "test.once" in record.getMessage()
    assert "ValueError: broken" in record.getMessage()


def test_the_clock_is_unix_time_that_never_runs_backwards() -> None:
    readings = [clock.now() for _ in range(1000)]
    assert readings == sorted(readings)
    assert abs(clock.now() - time.time_ns()) < 10**9
    assert clock.from_perf(time.perf_counter_ns()) <= clock.now()


def test_what_the_settings_name_wins_over_the_providers_resource() -> None:
    theirs = {"service.name": "theirs", "process.pid": 1, "service.instance.id": "given"}
    described = resource.describe(theirs, Settings(service="ours", label="l"))
    assert described["service.name"] == "ours"
    assert described["tracekit.label"] == "l"
    assert described["process.pid"] == os.getpid()
    assert described["service.instance.id"] == "given"
    assert resource.describe(theirs, Settings())["service.name"] == "theirs"


def test_a_host_id_tells_nothing_about_the_machine_and_stays_the_same() -> None:
    found = resource.host_id()
    assert found is None or (len(found) == 32 and found == resource.host_id())


def test_capture_sees_the_spans_of_its_block_only() -> None:
    with capture() as first, tracekit.stage("one"):
        pass
    with capture() as second:
        with tracekit.stage("two"):
            pass
        assert second.named("two").name == "two"
    assert [span.name for span in first.spans] == ["one"]
    assert [span.name for span in second.wait(1)] == ["two"]


def test_capture_says_which_spans_there_are_when_it_waits_in_vain() -> None:
    with capture() as captured, pytest.raises(AssertionError, match="0 of 1 spans"):
        captured.wait(1, timeout=0.01)


def test_spans_of_other_instrumentations_get_the_request_id_too() -> None:
    with capture() as captured, tracekit.request("turn", request_id="t-9"):
        trace.get_tracer("other").start_span("theirs").end()
    assert captured.named("theirs").attributes["tracekit.request_id"] == "t-9"


def test_a_lock_that_another_thread_held_at_a_fork_is_free_in_the_child() -> None:
    lock, held, over = ForkLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside a thread: that is it
        child = os.fork()
    if child == 0:
        signal.alarm(5)  # without the lock it ends by this
        with lock:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    over.set()
    holder.join()

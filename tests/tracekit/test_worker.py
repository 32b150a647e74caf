from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import context
from opentelemetry.sdk.trace import ReadableSpan

from tracekit import guard
from tracekit.worker import Worker


class Kept:
    """An exporter that keeps what it gets; it can be made to hang, to fail and to refuse."""

    def __init__(self, batch: int = 512) -> None:
        self.batch = batch
        self.bodies: list[bytes] = []
        self.rescued: list[bytes] = []
        self.closed = False
        self.forked = 0
        self.takes = True
        self.arrived = threading.Event()
        self.hang: threading.Event | None = None
        self.before: Callable[[], object] = lambda: None

    def export(self, body: bytes) -> bool:
        self.arrived.set()
        if self.hang is not None:
            self.hang.wait(10)
        self.before()
        self.bodies.append(body)
        return self.takes

    def keep(self, body: bytes) -> bool:
        self.rescued.append(body)
        return True

    def due(self) -> float | None:
        return None

    def tick(self) -> None: ...

    def after_fork(self) -> None:
        self.bodies = []
        self.forked += 1

    def close(self) -> None:
        self.closed = True


def names(spans: Sequence[ReadableSpan], dropped: int) -> tuple[bytes, int]:
    return json.dumps([[span.name for span in spans], dropped]).encode(), 0


def sent(bodies: Sequence[bytes]) -> list[str]:
    return [name for body in bodies for name in json.loads(body)[0]]


def span(name: str = "s") -> ReadableSpan:
    return ReadableSpan(name)


def test_a_span_is_exported_within_the_interval() -> None:
    exporter = Kept()
    worker = Worker(exporter, names, interval=0.01)
    worker.put(span("a"))
    assert exporter.arrived.wait(5)
    worker.shutdown(5)
    assert sent(exporter.bodies) == ["a"]


def test_flush_does_not_wait_for_the_interval() -> None:
    exporter = Kept()
    worker = Worker(exporter, names, interval=60)
    for name in "abc":
        worker.put(span(name))
    assert worker.flush(5)
    assert sent(exporter.bodies) == ["a", "b", "c"]
    worker.shutdown(5)


def test_as_many_as_the_exporter_wants_at_once_do_not_wait_for_the_interval() -> None:
    exporter = Kept(batch=3)
    worker = Worker(exporter, names, interval=60)
    for name in "abc":
        worker.put(span(name))
    assert exporter.arrived.wait(5)
    worker.shutdown(5)


def test_no_more_than_that_go_in_one_batch() -> None:
    exporter = Kept(batch=3)
    exporter.hang = threading.Event()
    worker = Worker(exporter, names, interval=60)
    for name in "abc":
        worker.put(span(name))
    assert exporter.arrived.wait(5)
    for name in "defgh":
        worker.put(span(name))
    exporter.hang.set()
    assert worker.flush(5)
    assert sent(exporter.bodies) == list("abcdefgh")
    assert max(len(sent([body])) for body in exporter.bodies) == 3
    worker.shutdown(5)


def test_a_full_queue_drops_counts_and_reports_without_waiting() -> None:
    exporter = Kept()
    exporter.hang = threading.Event()
    worker = Worker(exporter, names, capacity=2, interval=0)
    worker.put(span("first"))
    assert exporter.arrived.wait(5)
    for name in ("second", "third", "fourth", "fifth"):
        worker.put(span(name))
    exporter.hang.set()
    assert worker.flush(5)
    worker.put(span("later"))
    worker.shutdown(5)
    assert sent(exporter.bodies) == ["first", "second", "third", "later"]
    assert json.loads(exporter.bodies[-1])[1] == 2


def test_a_batch_that_the_exporter_loses_is_counted() -> None:
    exporter = Kept()
    exporter.takes = False
    worker = Worker(exporter, names)
    worker.put(span())
    worker.flush(5)
    assert worker.dropped == 1
    worker.shutdown(5)


def test_no_span_is_lost_among_many_threads() -> None:
    exporter = Kept()
    worker = Worker(exporter, names, interval=0.001, capacity=10**6)
    threads = [
        threading.Thread(target=lambda i=i: [worker.put(span(f"{i}-{n}")) for n in range(200)])
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.shutdown(10)
    assert sorted(sent(exporter.bodies)) == sorted(f"{i}-{n}" for i in range(8) for n in range(200))


def test_a_fault_in_the_exporter_does_not_end_the_thread() -> None:
    exporter = Kept()

    def fail() -> None:
        raise RuntimeError("fault")

    exporter.before = fail
    worker = Worker(exporter, names)
    before = guard.faults().get("worker", 0)
    worker.put(span("lost"))
    worker.flush(5)
    exporter.before = lambda: None
    worker.put(span("kept"))
    assert worker.shutdown(5)
    assert guard.faults()["worker"] == before + 1
    assert sent(exporter.bodies) == ["kept"]
    assert worker.dropped == 1


def test_the_exporting_thread_asks_instrumentations_not_to_trace_it() -> None:
    seen: list[object] = []
    exporter = Kept()
    exporter.before = lambda: seen.append(context.get_value("suppress_instrumentation"))
    worker = Worker(exporter, names)
    worker.put(span())
    worker.shutdown(5)
    assert seen == [True]


def test_shutdown_returns_in_time_and_rescues_what_a_hanging_exporter_did_not_take() -> None:
    exporter = Kept()
    exporter.hang = threading.Event()
    worker = Worker(exporter, names, interval=0)
    worker.put(span("in flight"))
    assert exporter.arrived.wait(5)
    worker.put(span("queued"))
    start = time.monotonic()
    assert not worker.shutdown(0.2)
    assert time.monotonic() - start < 1
    assert sent(exporter.rescued) == ["in flight", "queued"]
    assert exporter.closed
    exporter.hang.set()


def test_what_hangs_in_flight_is_written_once_and_waited_for_once() -> None:
    exporter = Kept()
    exporter.hang = threading.Event()
    worker = Worker(exporter, names, interval=0)
    worker.put(span("in flight"))
    assert exporter.arrived.wait(5)
    worker.leave(0.1)
    start = time.monotonic()
    worker.leave(10)
    assert worker.shutdown(10)
    assert time.monotonic() - start < 5
    assert sent(exporter.rescued) == ["in flight"]
    exporter.hang.set()


def test_after_shutdown_spans_are_dropped_and_counted() -> None:
    exporter = Kept()
    worker = Worker(exporter, names)
    assert worker.shutdown(1)
    worker.put(span())
    assert worker.dropped == 1
    assert exporter.bodies == []
    assert worker.shutdown(1)


def test_a_forked_child_sends_its_own_spans_and_not_its_parents() -> None:
    exporter = Kept()
    worker = Worker(exporter, names, interval=60)
    worker.put(span("parent"))
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        worker.put(span("child"))
        worker.shutdown(5)
        os.write(write, json.dumps([sent(exporter.bodies), exporter.forked]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert json.load(pipe) == [["child"], 1]
    worker.shutdown(5)
    assert sent(exporter.bodies) == ["parent"]


def test_an_unused_worker_starts_no_thread() -> None:
    before: Any = set(threading.enumerate())
    worker = Worker(Kept(), names)
    assert set(threading.enumerate()) == before
    worker.shutdown(1)

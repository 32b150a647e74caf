"""The bounded queue between the host's threads and the one background thread that exports."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach

from tracekit import guard

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tracekit.exporters import Exporter

CAPACITY = 8192
"""Spans that may wait; further ones are dropped and counted."""
BATCH = 512
INTERVAL = 0.5
"""Seconds from the first waiting span to its batch."""
_RESCUE_SECONDS = 0.25
"""What a shutdown keeps back to bring to the spool what the collector did not take in time."""

Encode = Callable[[Sequence["ReadableSpan"], int], tuple[bytes, int]]
"""Encode spans and the number of spans dropped so far; return a batch and how many it lacks."""


class Worker:
    """Takes finished spans in the host's path, exports them in its own daemon thread.

    The thread starts with the first span and sleeps while there is nothing to do. A forked child
    begins with an empty queue, since its parent sends what was waiting. *gather* is called before
    every batch, and may put spans that nobody else will.
    """

    def __init__(
        self,
        exporter: Exporter,
        encode: Encode,
        *,
        capacity: int = CAPACITY,
        batch: int = BATCH,
        interval: float = INTERVAL,
        gather: Callable[[], None] = lambda: None,
    ) -> None:
        self._exporter = exporter
        self._gather = gather
        self._encode = encode
        self._capacity = capacity
        self._batch = batch
        self._interval = interval
        self._begin()
        if hasattr(os, "register_at_fork"):
            reborn = weakref.WeakMethod(self._after_fork)
            os.register_at_fork(after_in_child=lambda: (method := reborn()) and method())

    def _begin(self) -> None:
        self._queue: deque[ReadableSpan] = deque()
        self._tickets: deque[threading.Event] = deque()
        self._awake = threading.Event()
        self._hurry = threading.Event()
        # Re-entrant: a span may end inside a finaliser that runs while this thread holds it.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._in_flight: bytes | None = None
        self._in_flight_spans = 0
        self._closed = False
        self.dropped = 0

    def _after_fork(self) -> None:
        closed = self._closed
        self._begin()
        self._closed = closed
        self._exporter.after_fork()

    def put(self, span: ReadableSpan) -> None:
        """Take one finished span; never waits. A full or closed queue drops and counts it."""
        queue = self._queue
        if self._closed or len(queue) >= self._capacity:
            self._drop(1)
            return
        queue.append(span)
        if not self._awake.is_set():
            self._awake.set()
            if self._thread is None:
                self._ensure_thread()
        elif len(queue) >= self._batch and not self._hurry.is_set():
            self._hurry.set()

    def flush(self, timeout: float) -> bool:
        """Export what waits; return whether that was done within *timeout* seconds."""
        ticket = threading.Event()
        self._tickets.append(ticket)
        self._awake.set()
        self._hurry.set()
        if not self._ensure_thread():
            self._round()
        return ticket.wait(timeout)

    def shutdown(self, timeout: float) -> bool:
        """Flush within *timeout* seconds and stop; return whether all of it was brought to safety.

        What cannot be delivered in time goes to the spool.
        """
        if self._closed:
            return True
        self._gather()
        self._closed = True
        lost_before = self.dropped
        if not self._queue and self._thread is None:
            self._exporter.close()
            return True
        done = self.flush(max(0.0, timeout - min(_RESCUE_SECONDS, timeout / 2)))
        if not done:
            self._rescue()
        self._exporter.close()
        return done and self.dropped == lost_before

    def _drop(self, count: int) -> None:
        with self._lock:
            self.dropped += count

    def _ensure_thread(self) -> bool:
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return True
            thread = threading.Thread(target=self._run, name="tracekit-exporter", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no threads left, or the interpreter is ending
                guard.fault("worker.thread", error)
                return False
            self._thread = thread
            _flush_when_multiprocessing_ends(self)
            return True

    def _run(self) -> None:
        # Instrumentations of HTTP clients look for this key, so the exporter never traces itself.
        attach(Context({"suppress_instrumentation": True}))
        while not self._closed or self._tickets:
            self._awake.wait(self._exporter.due())
            if self._queue:
                self._hurry.wait(self._interval)
            self._awake.clear()
            self._hurry.clear()
            self._round()

    def _round(self) -> None:
        tickets = [self._tickets.popleft() for _ in range(len(self._tickets))]
        try:
            self._gather()
            self._drain(len(self._queue))
            self._exporter.tick()
        except Exception as error:
            guard.fault("worker", error)
        for ticket in tickets:
            ticket.set()

    def _drain(self, waiting: int) -> None:
        while waiting > 0:
            taken = self._take(min(waiting, self._batch))
            if not taken:
                return
            waiting -= len(taken)
            self._export(taken)

    def _take(self, most: int) -> list[ReadableSpan]:
        taken = []
        try:
            for _ in range(most):
                taken.append(self._queue.popleft())
        except IndexError:
            pass  # the rescue at shutdown takes from the same queue
        return taken

    def _export(self, spans: Sequence[ReadableSpan]) -> None:
        lost = len(spans)
        try:
            body, lacking = self._encode(spans, self.dropped)
            self._in_flight, self._in_flight_spans = body, lost - lacking
            if self._exporter.export(body):
                lost = lacking
        finally:
            self._in_flight = None
            if lost:
                self._drop(lost)

    def _rescue(self) -> None:
        body = self._in_flight
        if body is not None and not self._exporter.keep(body):
            self._drop(self._in_flight_spans)
        while spans := self._take(self._batch):
            body, lost = self._encode(spans, self.dropped)
            self._drop(lost if self._exporter.keep(body) else len(spans))


def _flush_when_multiprocessing_ends(worker: Worker) -> None:
    # Its forked children leave through os._exit, past atexit; only where it is in use anyway.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        reference = weakref.ref(worker)
        util.Finalize(None, lambda: (found := reference()) and found.flush(2.0), exitpriority=100)

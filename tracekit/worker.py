"""The bounded queue between the host's threads and the one background thread that exports."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tracekit import leaving
from tracekit.exporter_thread import ExporterThread

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tracekit.exporters import Exporter

CAPACITY = 8192
"""Spans that may wait; further ones are dropped and counted."""
INTERVAL = 0.5
"""Seconds from the first waiting span to its batch."""
_RESCUE_SECONDS = 0.25
"""What a shutdown keeps back to bring to the spool what the collector did not take in time."""
_PAUSE_SECONDS = 0.05
"""What a fork waits at most for the thread to be done."""

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
        interval: float = INTERVAL,
        gather: Callable[[], None] = lambda: None,
    ) -> None:
        self._exporter = exporter
        self._gather = gather
        self._encode = encode
        self._capacity = capacity
        self._batch = exporter.batch
        self._interval = interval
        self._begin()
        leaving.expect(self)
        if hasattr(os, "register_at_fork"):
            reborn, paused = weakref.WeakMethod(self._after_fork), weakref.WeakMethod(self._pause)
            os.register_at_fork(
                before=lambda: (method := paused()) and method(),
                after_in_child=lambda: (method := reborn()) and method(),
            )

    def _begin(self) -> None:
        self._queue: deque[ReadableSpan] = deque()
        self._thread = ExporterThread(
            self._round, self._queue, self._exporter.due, self._interval, self._started
        )
        # Re-entrant: a span may end inside a finaliser that runs while this thread holds it.
        self._lock = threading.RLock()
        self._in_flight: bytes | None = None
        self._swept: bytes | None = None
        """What was in flight when a sweep wrote it: nobody need wait for it, or write it again."""
        self._in_flight_spans = 0
        self._closed = False
        self.dropped = 0

    def _after_fork(self) -> None:
        closed = self._closed
        self._begin()
        self._closed = self._thread.closed = closed
        self._exporter.after_fork()
        if not closed:
            leaving.expect(self)

    def _pause(self) -> None:
        # Python 3.12 and later warn of a fork beside a thread, rightly: the next span starts it.
        self._thread.pause(_PAUSE_SECONDS)
        self._thread.resume()

    def _started(self) -> None:
        _flush_when_multiprocessing_ends(self)
        nudge = sys.modules.get("tracekit.nudge")
        if nudge is not None:
            nudge.resume()

    def put(self, span: ReadableSpan) -> None:
        """Take one finished span; never waits. A full or closed queue drops and counts it."""
        queue = self._queue
        if self._closed or len(queue) >= self._capacity:
            self._drop(1)
            return
        queue.append(span)
        thread = self._thread
        if not thread.awake.is_set():
            thread.wake()
        elif len(queue) >= self._batch and not thread.hurry.is_set():
            thread.hurry.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, and nothing is on its way that is not safe already."""
        body = self._in_flight
        if body is not None and body is self._swept:
            return not self._queue
        return not (self._queue or body or self._thread.is_running)

    def flush(self, timeout: float) -> bool:
        """Export what waits; return whether that was done within *timeout* seconds."""
        return self._thread.flush(timeout)

    def save(self, timeout: float) -> None:
        """Export what waits and let the thread rest, within *timeout* seconds.

        It is for a process that is about to end: what this leaves, and what comes later, ``sweep``
        takes. ``resume`` is for one that goes on nevertheless.
        """
        if not self.is_idle:
            self.flush(max(0.0, timeout - 2 * _RESCUE_SECONDS))
            self._thread.pause(_RESCUE_SECONDS)

    def sweep(self) -> None:
        """Write whatever has not been delivered to the spool, in the caller's thread."""
        body = self._in_flight
        if body is not None and body is not self._swept:
            self._swept = body
            if not self._exporter.keep(body):
                self._drop(self._in_flight_spans)
        while spans := self._take(self._batch):
            body, lost = self._encode(spans, self.dropped)
            self._drop(lost if self._exporter.keep(body) else len(spans))

    def leave(self, timeout: float) -> None:
        """Bring everything to safety within *timeout* seconds, in a process that may yet go on."""
        self.save(timeout)
        self.sweep()
        self.resume()

    def resume(self) -> None:
        """Let the thread work again, with the next span at the latest."""
        self._thread.resume()

    def shutdown(self, timeout: float) -> bool:
        """Flush within *timeout* seconds and stop; return whether all of it was brought to safety.

        What cannot be delivered in time goes to the spool.
        """
        if self._closed:
            return True
        leaving.forget(self)
        self._gather()
        self._closed = self._thread.closed = True
        lost_before = self.dropped
        if self.is_idle:
            self._exporter.close()
            return True
        done = self.flush(max(0.0, timeout - min(_RESCUE_SECONDS, timeout / 2)))
        if not done:
            self.sweep()
        self._exporter.close()
        return done and self.dropped == lost_before

    def _drop(self, count: int) -> None:
        with self._lock:
            self.dropped += count

    def _round(self) -> None:
        self._gather()
        self._drain(len(self._queue))
        self._exporter.tick()

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
            pass  # a sweep takes from the same queue
        return taken

    def _export(self, spans: Sequence[ReadableSpan]) -> None:
        lost = len(spans)
        try:
            body, lacking = self._encode(spans, self.dropped)
            self._in_flight, self._in_flight_spans = body, lost - lacking
            if self._exporter.export(body):
                lost = lacking
        finally:
            self._in_flight = self._swept = None
            if lost:
                self._drop(lost)


def _flush_when_multiprocessing_ends(worker: Worker) -> None:
    # Its forked children leave through os._exit, past atexit; only where it is in use anyway.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        reference = weakref.ref(worker)
        util.Finalize(None, _leave, args=(reference,), exitpriority=100)


def _leave(reference: weakref.ref[Worker]) -> None:
    worker = reference()
    if worker is not None:
        worker.leave(leaving.LEAVE_SECONDS)

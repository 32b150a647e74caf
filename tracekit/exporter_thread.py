"""The one background thread that exports: it sleeps, works in rounds, and can be put to rest."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sized
from contextlib import suppress

from opentelemetry.context import Context, attach

from tracekit import guard

_GONE_SECONDS = 0.01


class ExporterThread:
    """Does *work* in a daemon thread, which the first ``wake`` starts.

    A round comes *interval* seconds after it was woken, at once with ``hurry``, and when ``due``
    says so; *waiting* is what there is to do. *started* is called with each start.
    """

    def __init__(
        self,
        work: Callable[[], None],
        waiting: Sized,
        due: Callable[[], float | None],
        interval: float,
        started: Callable[[], None],
    ) -> None:
        self._work = work
        self._waiting = waiting
        self._due = due
        self._interval = interval
        self._started = started
        self._tickets: deque[threading.Event] = deque()
        self.awake = threading.Event()
        self.hurry = threading.Event()
        # Re-entrant: a span may end inside a finaliser that runs while this thread holds it.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._resting = False
        self.closed = False
        """Whether the thread is to end as soon as nobody waits for a round."""

    @property
    def is_running(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None

    def wake(self) -> None:
        """Have a round, soon."""
        self.awake.set()
        if self._thread is None:
            self._ensure()

    def flush(self, timeout: float) -> bool:
        """Have a round now; return whether it was over within *timeout* seconds."""
        ticket = threading.Event()
        self._tickets.append(ticket)
        self.awake.set()
        self.hurry.set()
        if not self._ensure():
            self._round()
        return ticket.wait(timeout)

    def pause(self, timeout: float) -> None:
        """Have one more round and end the thread, until ``resume``; wait *timeout* seconds."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        self._resting = True
        self.awake.set()
        self.hurry.set()
        with suppress(RuntimeError):  # another thread is just starting it
            thread.join(timeout)
            _wait_until_gone(thread)

    def resume(self) -> None:
        """Let it work again: now if something waits, else when it is woken."""
        if not self._resting:
            return
        self._resting = False
        self.awake.clear()
        self.hurry.clear()
        if self._waiting or self._tickets:
            self.wake()

    def _ensure(self) -> bool:
        with self._lock:
            if self._resting or (self._thread is not None and self._thread.is_alive()):
                return True
            self._thread = threading.Thread(target=self._run, name="tracekit-exporter", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # no threads left, or the interpreter is ending
                self._thread = None
                guard.fault("worker.thread", error)
                return False
            self._started()
            return True

    def _run(self) -> None:
        # Instrumentations of HTTP clients look for this key, so the exporter never traces itself.
        attach(Context({"suppress_instrumentation": True}))
        while not self._resting and (not self.closed or self._tickets):
            self.awake.wait(self._due())
            if self._waiting:
                self.hurry.wait(self._interval)
            self.awake.clear()
            self.hurry.clear()
            self._round()
        self._thread = None
        # Whoever woke it just now has seen a thread, and started none.
        if self._tickets or (self._waiting and not self.closed):
            self._ensure()

    def _round(self) -> None:
        tickets = [self._tickets.popleft() for _ in range(len(self._tickets))]
        try:
            self._work()
        except Exception as error:
            guard.fault("worker", error)
        for ticket in tickets:
            ticket.set()


def _wait_until_gone(thread: threading.Thread) -> None:
    # Before Python 3.13 a join does not.
    if not thread.is_alive() and sys.version_info < (3, 13):
        wait_until_gone(thread.native_id)


def wait_until_gone(native_id: int | None) -> None:
    """Wait for the system's part of a thread that has ended; some 0.1 ms.

    Python's warning of a fork beside threads counts the system's (on Linux, where alone they can be
    seen).
    """
    task, until = f"/proc/self/task/{native_id}", time.monotonic() + _GONE_SECONDS
    while os.path.exists(task) and time.monotonic() < until:
        time.sleep(0.0001)

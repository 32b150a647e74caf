"""A thread of ours that the host's `threading` knows nothing of."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable

from tracekit.exporter_thread import wait_until_gone


class QuietThread:
    """Runs *target*, which raises nothing; the process's end does not wait for it.

    One that starts with the process would be among the threads of a host that counts them, and
    break out in errors at its end if gevent has replaced `threading` since.
    """

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self._running = _thread.allocate_lock()
        self._native_id: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has started and not ended."""
        return self._running.locked()

    def start(self) -> None:
        """Start it, once. Raises RuntimeError where that cannot be."""
        self._running.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._running.release()
            raise

    def join(self, timeout: float) -> None:
        """Wait until it is gone, its system's part included, *timeout* seconds at most."""
        if self._running.acquire(timeout=timeout):
            self._running.release()
            wait_until_gone(self._native_id)

    def _run(self) -> None:
        self._native_id = threading.get_native_id()
        try:
            self._target()
        finally:
            self._running.release()

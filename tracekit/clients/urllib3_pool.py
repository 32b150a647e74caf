"""The queue inside a urllib3 pool, timed: its ``get`` is the wait, its overflow a discard."""

from __future__ import annotations

import queue
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite, sending
from tracekit.clients.observing import observer
from tracekit.phases import ConnectionPhases


class TimedQueue(queue.LifoQueue[Any]):
    """What ``ConnectionPool.QueueCls`` makes while the hooks are installed."""

    discards = 0

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take a connection and note how long that took."""
        start = perf_counter_ns()
        try:
            return super().get(block, timeout)
        finally:
            _waited(self, start)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Give a connection back; count it if there is no room, because urllib3 then closes it."""
        _released(self)
        try:
            super().put(item, block, timeout)
        except queue.Full:
            self.discards += 1
            raise


def _record(queue: TimedQueue) -> ConnectionPhases | None:
    # A garbage collection in the middle of a call may empty the queue of a pool long forgotten.
    around = sending.current.get()
    call = None if around is None else around.call
    return call.record if call is not None and call.queue is queue else None


@observer("urllib3.pool")
def _waited(queue: TimedQueue, start: int) -> None:
    record = _record(queue)
    if record is not None:
        now = perf_counter_ns()
        record.begin("pool", start)
        record.end("pool", now)
        callsite.note_wait(record, now - start)


@observer("urllib3.pool")
def _released(queue: TimedQueue) -> None:
    record = _record(queue)
    # A call that failed gives its connection back only after urllib3's back-off, long over itself.
    if record is not None and "receive" in record.marks:
        record.last = perf_counter_ns()

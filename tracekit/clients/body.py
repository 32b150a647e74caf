"""Time a response's body while the host reads it."""

from __future__ import annotations

from collections import deque
from time import perf_counter_ns

from tracekit.clients.call import Call
from tracekit.clients.observing import observer

_abandoned: deque[Call] = deque()


class Body:
    """The body of one response: hang it on the response, so that both are forgotten together."""

    __slots__ = ("_call", "_encoded")

    def __init__(self, call: Call, *, encoded: bool = False) -> None:
        self._call: Call | None = call
        self._encoded = encoded

    @observer("clients.body.chunk")
    def chunk(self, size: int) -> None:
        """Count a piece of *size* bytes that has just arrived.

        Of an *encoded* body (gzip) the pieces are the decoded ones: their sizes say nothing.
        """
        if self._call is None or not size:
            return
        record = self._call.record
        now = perf_counter_ns()
        if record.body_first is None:
            record.body_first = now
        else:
            record.body_gap = max(record.body_gap, now - record.last)
        if not self._encoded:
            record.body_bytes = (record.body_bytes or 0) + size
        record.body_chunks += 1
        record.last = now

    @observer("clients.body.finish")
    def finish(
        self, *, complete: bool, error: BaseException | None = None, size: int | None = None
    ) -> None:
        """End the call here; *size* is its length on the wire. Only the first time counts."""
        call, self._call = self._call, None
        if call is None:
            return
        if error is not None:
            call.fail(error)
        if size:
            call.record.body_bytes = size
        call.record.body_complete = complete
        call.finish(perf_counter_ns())

    def __del__(self) -> None:
        # The collector may run in any thread at any line, an exporter's locked section included:
        # ending a span from here could wait for a lock that this very thread holds.
        call: Call | None = getattr(self, "_call", None)
        if call is not None:
            _abandoned.append(call)


@observer("clients.body.reap")
def reap() -> None:
    """End the calls whose responses were forgotten unread, where they were last seen alive."""
    while _abandoned:
        call = _abandoned.popleft()
        call.record.body_complete = False
        call.finish(call.record.last)

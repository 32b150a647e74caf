"""Time a response's body while the host reads it."""

from __future__ import annotations

from collections import deque
from time import perf_counter_ns

from tracekit.chunks import Chunks
from tracekit.clients.call import Call
from tracekit.clients.observing import observer

_abandoned: deque[Call] = deque()


class Body:
    """The body of one response: hang it on the response, so that both are forgotten together."""

    __slots__ = ("_call", "counts", "is_being_read")

    def __init__(self, call: Call, *, counts: bool = True) -> None:
        self._call: Call | None = call
        self.counts = counts
        """Whether the chunks' sizes are those on the wire: decoded ones (gzip) say nothing."""
        self.is_being_read = False
        """The library is at it: if it closes the response now, the host has not left."""

    @observer("clients.body.chunk")
    def chunk(self, size: int, asked: int | None = None) -> None:
        """Count a piece of *size* bytes that has just arrived; the host *asked* for it then."""
        if self._call is None or not size:
            return
        record = self._call.record
        now = perf_counter_ns()
        seen = record.body
        if seen is None:
            record.body = Chunks(now)
        else:
            seen.add(now, 0 if asked is None else asked - seen.last)
        if self.counts:
            record.body_bytes = (record.body_bytes or 0) + size
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

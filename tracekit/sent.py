"""What passes through a service's hands: the pieces of the request's body and of the response's."""

from __future__ import annotations

from tracekit import attributes as names
from tracekit.attributes import Values
from tracekit.chunk_attributes import add_gaps
from tracekit.chunks import Chunks


class Received:
    """The request's body, as the application reads it. Times are Unix nanoseconds."""

    __slots__ = ("bytes", "ended", "started", "waited")

    def __init__(self) -> None:
        self.bytes = 0
        self.started = self.ended = 0
        self.waited = 0

    def add(self, size: int, asked: int, came: int) -> None:
        """Count a piece of *size* bytes that was *asked* for, and *came*."""
        if not self.started:
            self.started = asked
        self.bytes += size
        self.ended = came
        self.waited += came - asked

    def attributes(self, origin: int) -> Values:
        """Return what a span that started at *origin* says of it; nothing if there was none.

        Django asks for the body of every request.
        """
        if not self.bytes:
            return {}
        return {
            names.REQUEST_BODY: (self.started - origin, self.ended - origin),
            names.REQUEST_BODY_WAIT: self.waited,
            names.REQUEST_BODY_BYTES: self.bytes,
        }


class Sent:
    """The response's body, as the application hands it to the server."""

    __slots__ = ("_chunks", "_held", "bytes", "count", "first", "is_unseen")

    def __init__(self) -> None:
        self.bytes = self.count = 0
        self.first = self._held = 0
        self._chunks: Chunks | None = None
        self.is_unseen = False
        """The server sends a file by itself: nobody knows how much."""

    def add(self, size: int, at: int, done: int) -> None:
        """Count a piece of *size* bytes, given to the server *at* and taken by it when *done*."""
        self.bytes += size
        self.count += 1
        if self.count == 1:
            self.first = at
        else:
            if self._chunks is None:
                self._chunks = Chunks(self.first)
            self._chunks.add(at, self._held)
        self._held = done - at

    def attributes(self, origin: int) -> Values:
        """Return what a span that started at *origin* says of it."""
        if self.is_unseen:
            return {}
        found: Values = {names.BODY_BYTES: self.bytes, names.BODY_CHUNKS: self.count}
        if self.count:
            found[names.BODY_FIRST_CHUNK] = self.first - origin
        if self._chunks is not None:
            add_gaps(found, self._chunks, origin)
        return found

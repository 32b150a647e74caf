"""What happened on the wire during one outgoing call, whichever client made it.

An adapter fills one ``ConnectionPhases`` per request that goes out (a retry and a redirect each get
their own); ``phase_attributes`` makes span attributes of it. Pure: no clock, no sockets, no spans.
All times are ``time.perf_counter_ns()`` readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from opentelemetry.util.types import AttributeValue

from tracekit import attributes as names
from tracekit.chunks import Chunks

_OPEN = -1


class CallSite(NamedTuple):
    """A place in the user's code."""

    file: str
    line: int
    function: str


@dataclass
class Attempt:
    """One address tried. *outcome* is ``ok``, ``timeout``, ``cancelled`` or an errno's name."""

    address: str
    start: int
    end: int
    outcome: str


@dataclass
class Lookup:
    """One name look-up; *error* is empty when it gave *addresses*."""

    host: str
    start: int
    end: int
    addresses: tuple[str, ...] = ()
    error: str = ""


class ConnectionPhases:
    """The record of one outgoing request.

    Make one where the client span starts; *start* is that moment's ``perf_counter_ns`` reading.
    Mark phases with ``begin`` and ``end`` as they happen, in any order the library has: what is
    asked back is always in order, without overlap and inside the span.
    """

    # Defaults live on the class: a record is made for every call, and most stay as they are.
    connecting: bool = False
    state: str | None = None
    connection_id: str | None = None
    connection_use: int | None = None
    connection_age: int | None = None
    connection_idle: int | None = None
    peer: tuple[str, int] | None = None
    local: tuple[str, int] | None = None
    proxy: str | None = None
    rtt: int | None = None
    retransmits: int | None = None
    protocol: str | None = None
    discards: int | None = None
    client_age: int | None = None
    client_setup: int | None = None
    client_requests: int | None = None
    client_loop: int | None = None
    client_site: CallSite | None = None
    call_site: CallSite | None = None
    tls: dict[str, AttributeValue] | None = None
    handshake: int | None = None
    status: int | None = None
    resends: int = 0
    redirects: int = 0
    error: str | None = None
    collecting: int = 0
    lag: tuple[int, int] = (0, 0)
    in_loop: dict[str, AttributeValue] | None = None
    body: Chunks | None = None
    body_bytes: int | None = None
    body_unit: str = "chunks"
    body_complete: bool | None = None
    response_headers: Any = None
    derived: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()

    def __init__(self, library: str, start: int) -> None:
        self.library = library
        self.start = start
        self.last = start
        self.marks: dict[str, list[int]] = {}
        self.lookups: list[Lookup] = []
        self.attempts: list[Attempt] = []

    @property
    def is_new(self) -> bool:
        """True once this call has begun to open a connection of its own."""
        return self.state == "new"

    def begin(self, phase: str, at: int) -> None:
        """Open *phase* at *at*; a phase that was open or over starts anew."""
        self.marks[phase] = [at, _OPEN]
        self.last = at

    def end(self, phase: str, at: int) -> None:
        """Close *phase* at *at*; nothing happens if it is not open."""
        mark = self.marks.get(phase)
        if mark is not None and mark[1] == _OPEN:
            mark[1] = at
            self.last = at

    def close(self, at: int) -> None:
        """Close what is still open, as an error or a cancellation leaves it."""
        for mark in self.marks.values():
            if mark[1] == _OPEN:
                mark[1] = at
        self.last = max(self.last, at)

    def bounds(self, end: int) -> dict[str, tuple[int, int]]:
        """Return the phases as ``(start, end)`` from the start of a span that ends at *end*.

        In the order of ``attributes.PHASES``; they do not overlap and lie in ``[0, end - start]``.
        """
        ordered: dict[str, tuple[int, int]] = {}
        origin = cursor = self.start
        last = max(end, origin)
        seen = self._seen() if self.lookups or self.attempts else self.marks
        for phase in names.PHASES:
            mark = seen.get(phase)
            if mark is None:
                continue
            first, over = mark
            if over == _OPEN:
                over = end
            # Whatever was marked, a phase starts no earlier than the one before it ended.
            first = cursor if first < cursor else min(first, last)
            cursor = first if over < first else min(over, last)
            ordered[phase] = (first - origin, cursor - origin)
        return ordered

    def residual(self, end: int) -> int:
        """Return the part of a span that ends at *end* which no phase explains."""
        return max(0, end - self.start) - sum(b - a for a, b in self.bounds(end).values())

    def _seen(self) -> dict[str, list[int]]:
        """Return the marks, with what the sockets saw in place of what the library said of it."""
        seen = dict(self.marks)
        if self.lookups:
            seen["dns"] = self._looked_up()
        if self.attempts:
            seen["connect"] = [self.attempts[0].start, max(one.end for one in self.attempts)]
        elif self._unresolved():
            seen.pop("connect", None)
        return seen

    def _unresolved(self) -> bool:
        return bool(self.lookups and self.lookups[-1].error and not self.attempts)

    def _looked_up(self) -> list[int]:
        # A client that retries looks up again between two attempts: that time is connect's.
        first = self.lookups[0]
        limit = self.attempts[0].start if self.attempts else None
        before = [one.end for one in self.lookups if limit is None or one.end <= limit]
        return [first.start, max(before, default=first.end)]

"""What happened on the wire during one outgoing call, whichever client made it.

An adapter fills one ``ConnectionPhases`` per request that goes out (a retry and a redirect each get
their own) and ``attributes`` turns it into span attributes. Pure: no clock, no sockets, no spans.
All times are ``time.perf_counter_ns()`` readings until they become attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from opentelemetry.util.types import AttributeValue

from tracekit import attributes as names

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
    protocol: str | None = None
    discards: int | None = None
    client_age: int | None = None
    client_setup: int | None = None
    client_requests: int | None = None
    client_site: CallSite | None = None
    call_site: CallSite | None = None
    tls: dict[str, AttributeValue] | None = None
    handshake: int | None = None
    status: int | None = None
    resends: int = 0
    error: str | None = None
    body_bytes: int | None = None
    body_chunks: int = 0
    body_first: int | None = None
    body_gap: int = 0
    body_complete: bool | None = None

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
        cursor = self.start
        for phase in names.PHASES:
            raw = self._raw(phase, end)
            if raw is None:
                continue
            first = min(max(raw[0], cursor), max(end, cursor))
            cursor = min(max(raw[1], first), max(end, first))
            ordered[phase] = (first - self.start, cursor - self.start)
        return ordered

    def residual(self, end: int) -> int:
        """Return the part of a span that ends at *end* which no phase explains."""
        return max(0, end - self.start) - sum(b - a for a, b in self.bounds(end).values())

    def attributes(self, end: int) -> dict[str, AttributeValue]:
        """Return everything known as span attributes, for a span that ends at *end*."""
        result: dict[str, AttributeValue] = {names.CLIENT_LIBRARY: self.library}
        for phase, bounds in self.bounds(end).items():
            result[names.phase(phase)] = bounds
        _put(result, self._plain())
        if self.is_new:
            self._add_opening(result)
        self._add_body(result)
        return result

    def body_attributes(self, start: int) -> dict[str, AttributeValue]:
        """Return the body's part alone, for a late child span that starts at *start*."""
        result: dict[str, AttributeValue] = {}
        self._add_body(result, start)
        return result

    def _raw(self, phase: str, end: int) -> tuple[int, int] | None:
        if phase == "dns" and self.lookups:
            return self._looked_up()
        if phase == "connect" and self.attempts:
            return self.attempts[0].start, max(attempt.end for attempt in self.attempts)
        mark = self.marks.get(phase)
        if mark is None or (phase == "connect" and self._unresolved()):
            return None
        return mark[0], end if mark[1] == _OPEN else mark[1]

    def _unresolved(self) -> bool:
        return bool(self.lookups and self.lookups[-1].error and not self.attempts)

    def _looked_up(self) -> tuple[int, int]:
        # A client that retries looks up again between two attempts: that time is connect's.
        first = self.lookups[0]
        limit = self.attempts[0].start if self.attempts else None
        before = [one.end for one in self.lookups if limit is None or one.end <= limit]
        return first.start, max(before, default=first.end)

    def _plain(self) -> dict[str, AttributeValue | None]:
        peer = self.peer or (None, None)
        return {
            names.HTTP_STATUS: self.status,
            names.HTTP_RESEND_COUNT: self.resends or None,
            names.ERROR_TYPE: self.error,
            names.PEER_ADDRESS: peer[0],
            names.PEER_PORT: peer[1],
            names.PROTOCOL_VERSION: self.protocol,
            names.CONNECTION_STATE: self.state,
            names.CONNECTION_ID: self.connection_id,
            names.CONNECTION_USE: self.connection_use,
            names.CONNECTION_AGE: self.connection_age,
            names.CONNECTION_IDLE: self.connection_idle,
            names.POOL_DISCARDS: self.discards,
            names.CLIENT_AGE: self.client_age,
            names.CLIENT_SETUP: self.client_setup,
            names.CLIENT_REQUESTS: self.client_requests,
        }

    def _add_opening(self, result: dict[str, AttributeValue]) -> None:
        self._add_lookups(result)
        self._add_attempts(result)
        self._add_sites(result)
        result.update(self.tls or {})
        tls = self.marks.get("tls")
        if tls is not None and self.handshake is not None:
            result[names.TLS_SETUP] = max(0, self.handshake - tls[0])

    def _add_lookups(self, result: dict[str, AttributeValue]) -> None:
        if not self.lookups:
            return
        last = self.lookups[-1]
        result[names.DNS_HOST] = last.host
        if last.error:
            result[names.DNS_ERROR] = last.error
        else:
            result[names.DNS_ADDRESSES] = last.addresses

    def _add_attempts(self, result: dict[str, AttributeValue]) -> None:
        if not self.attempts:
            return
        result[names.ATTEMPT_ADDRESSES] = tuple(one.address for one in self.attempts)
        result[names.ATTEMPT_STARTS] = tuple(
            max(0, one.start - self.start) for one in self.attempts
        )
        result[names.ATTEMPT_ENDS] = tuple(max(0, one.end - self.start) for one in self.attempts)
        result[names.ATTEMPT_OUTCOMES] = tuple(one.outcome for one in self.attempts)

    def _add_sites(self, result: dict[str, AttributeValue]) -> None:
        if self.call_site is not None:
            result[names.CODE_FILE] = self.call_site.file
            result[names.CODE_LINE] = self.call_site.line
            result[names.CODE_FUNCTION] = self.call_site.function
        if self.client_site is not None:
            result[names.CLIENT_FILE] = self.client_site.file
            result[names.CLIENT_LINE] = self.client_site.line
            result[names.CLIENT_FUNCTION] = self.client_site.function

    def _add_body(self, result: dict[str, AttributeValue], start: int | None = None) -> None:
        if self.body_bytes is not None:
            result[names.BODY_BYTES] = self.body_bytes
        if self.body_complete is not None:
            result[names.BODY_COMPLETE] = self.body_complete
        if self.body_first is not None:
            origin = self.start if start is None else start
            result[names.BODY_CHUNKS] = self.body_chunks
            result[names.BODY_FIRST_CHUNK] = max(0, self.body_first - origin)
            result[names.BODY_LARGEST_GAP] = self.body_gap


def _put(result: dict[str, AttributeValue], values: dict[str, AttributeValue | None]) -> None:
    for name, value in values.items():
        if value is not None:
            result[name] = value

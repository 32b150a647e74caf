"""What the analysis says about each outgoing call, as typed results.

Durations are integer nanoseconds; ``start_ns`` counts from the request's start. None is what the
data does not say. A field's *quality* is ``measured`` (seen as it happened), ``derived`` (worked
out from neighbours) or ``inferred`` (a conclusion that may be wrong).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Quality = Literal["measured", "derived", "inferred"]
Ended = Literal["complete", "reader left", "broken off"]


@dataclass(frozen=True)
class PhaseFacts:
    """One phase of a call."""

    name: str
    start_ns: int
    ns: int


@dataclass(frozen=True)
class AddressFacts:
    """One address tried; *outcome* as in ``tracekit.attributes.ATTEMPT_OUTCOMES``."""

    address: str
    start_ns: int
    ns: int
    outcome: str


@dataclass(frozen=True)
class ConnectionFacts:
    """The connection that a call went over; *use* is its n-th call, from 1."""

    state: str | None = None
    use: int | None = None
    idle_ns: int | None = None
    age_ns: int | None = None
    protocol: str | None = None
    tls: str | None = None
    tls_resumed: bool | None = None
    tls_setup_ns: int | None = None
    local: str | None = None
    peer: str | None = None
    proxy: str | None = None
    rtt_ns: int | None = None
    retransmits: int | None = None


@dataclass(frozen=True)
class ClientFacts:
    """The client, session or pool that made a call; *made_at* is told of new connections."""

    library: str | None = None
    made_at: str | None = None
    setup_ns: int | None = None
    age_ns: int | None = None
    calls_before: int | None = None
    discards: int | None = None


@dataclass(frozen=True)
class StallFacts:
    """A gap in a stream that was far longer than its others."""

    start_ns: int
    ns: int


@dataclass(frozen=True)
class BodyFacts:
    """A response's body. *headers_ns* and *first_chunk_ns* count from the call's start.

    *stalls_at* are the longest of the *stalls*, which took *stalled_ns* in all; *held_ns* went by
    in the reader's hands.
    """

    ended: Ended | None = None
    bytes: int | None = None
    chunks: int | None = None
    unit: str | None = None
    headers_ns: int | None = None
    first_chunk_ns: int | None = None
    gap_p50_ns: int | None = None
    gap_p95_ns: int | None = None
    largest_gap_ns: int | None = None
    stalls: int | None = None
    stalled_ns: int | None = None
    stalls_at: tuple[StallFacts, ...] = ()
    held_ns: int | None = None


class Known:
    """Facts of which some were not measured: *derived* and *inferred* are the paths of those."""

    derived: frozenset[str]
    inferred: frozenset[str]

    def quality(self, path: str) -> Quality:
        """Return how the field at *path* is known."""
        if path in self.inferred:
            return "inferred"
        return "derived" if path in self.derived else "measured"


@dataclass(frozen=True)
class CallFacts(Known):
    """One outgoing call. Its phases and *unexplained_ns* sum to *ns* exactly.

    *server* is the service called, or the address of one that sent no span. Of a call without
    phases *unexplained_ns* is None. *loop_lag_ns* is how long its event loop ran late. *derived*
    and *inferred* are the paths of those fields that were not measured, such as
    ``connection.state`` or ``phases.connect``, known or not.
    """

    span_id: str
    client: str
    server: str
    start_ns: int
    ns: int
    on_path: bool
    method: str | None = None
    path: str | None = None
    status: int | None = None
    error: str | None = None
    error_phase: str | None = None
    resend: int | None = None
    redirect: int | None = None
    phases: tuple[PhaseFacts, ...] = ()
    unexplained_ns: int | None = None
    gc_ns: int | None = None
    loop_lag_ns: int | None = None
    dns_addresses: tuple[str, ...] = ()
    dns_error: str | None = None
    attempts: tuple[AddressFacts, ...] = ()
    called_at: str | None = None
    connection: ConnectionFacts = ConnectionFacts()
    client_object: ClientFacts = ClientFacts()
    body: BodyFacts | None = None
    derived: frozenset[str] = frozenset()
    inferred: frozenset[str] = frozenset()

    @property
    def is_stream(self) -> bool:
        """Whether its body came in pieces that tell something."""
        return self.body is not None and (self.body.chunks or 0) > 1

    @property
    def is_troubled(self) -> bool:
        """Whether something about it was not as it should be."""
        body, retransmits = self.body, self.connection.retransmits
        unlucky = any(attempt.outcome != "ok" for attempt in self.attempts)
        cut = body is not None and (body.ended == "broken off" or bool(body.stalls))
        again = self.resend or self.redirect or retransmits
        failed = self.error is not None or (self.status or 0) >= _FIRST_ERROR_STATUS
        return bool(again or unlucky or cut or failed)


_FIRST_ERROR_STATUS = 400

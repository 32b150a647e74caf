"""A TLS set-up that takes long (``slow-tls``): the handshake and what precedes it, apart.

Before the handshake a client may load its certificates, some 20 ms where ``requests`` or a new SSL
context does it: from 5 ms on that is named. The handshake itself needs one or two round trips; it
is slow from 20 ms on if it also takes over 4 times the round trip that the TCP connect shows.
Where no connect was recorded, from 100 ms on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer.calls import Call
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place, keep_connections
from analyzer.phases import OK, Interval, array
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "slow-tls"
SLOW_SETUP_NS = 5_000_000
SLOW_HANDSHAKE_NS = 20_000_000
ROUND_TRIPS = 4
SLOW_WITHOUT_CONNECT_NS = 100_000_000


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and server whose TLS set-up was slow."""
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in request.calls:
        if setup_ns(call) >= SLOW_SETUP_NS or _slow_handshake(call):
            grouped.setdefault((call.client, call.peer), []).append(call)
    for calls in grouped.values():
        yield _finding(request, calls)


def setup_ns(call: Call) -> int:
    """Return the time of the tls phase before the handshake."""
    return min(max(0, call.number(a.TLS_SETUP) or 0), call.phase_ns("tls"))


def handshake_ns(call: Call) -> int:
    """Return the time of the handshake itself."""
    return call.phase_ns("tls") - setup_ns(call)


def _slow_handshake(call: Call) -> bool:
    round_trip = _round_trip(call)
    if round_trip is None:
        return handshake_ns(call) >= SLOW_WITHOUT_CONNECT_NS
    return handshake_ns(call) >= max(SLOW_HANDSHAKE_NS, ROUND_TRIPS * round_trip)


def _round_trip(call: Call) -> int | None:
    """Return the TCP connect's time; without addresses the phase's, which is at least that."""
    answered = [at.end - at.start for at in call.attempts if at.outcome == OK]
    return min(answered, default=call.phase_ns("connect") or None)


def _finding(request: Request, calls: Sequence[Call]) -> Finding:
    slow = {call: _slow_part(call) for call in calls}
    cost = sum(request.cost(call, intervals) for call, intervals in slow.items())
    by_setup = all(not _slow_handshake(call) for call in calls)
    title = "Loading certificates for" if by_setup else "The TLS handshake with"
    return Finding(
        rule=RULE,
        title=f"{title} {calls[0].peer} is slow",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(calls, slow)),
        where=first_place(calls),
        fix=tuple(_fix(calls)),
        saving_ns=request.saving(slow),
    )


def _slow_part(call: Call) -> tuple[Interval, ...]:
    """Return when the slow part ran: the set-up, the handshake, or both."""
    parts = []
    for start, end in call.intervals("tls"):
        turn = min(start + setup_ns(call), end)
        parts.append(
            Interval(
                start if setup_ns(call) >= SLOW_SETUP_NS else turn,
                end if _slow_handshake(call) else turn,
            )
        )
    return tuple(parts)


def _evidence(calls: Sequence[Call], slow: Mapping[Call, tuple[Interval, ...]]) -> Iterator[str]:
    longest = max(calls, key=lambda call: sum(end - start for start, end in slow[call]))
    of = f", the slowest of {count(len(calls), 'such call')}" if len(calls) > 1 else ""
    yield (
        f"TLS with {longest.peer} took {duration(longest.phase_ns('tls'))}{of}: the handshake "
        f"{duration(handshake_ns(longest))}, loading certificates before it "
        f"{duration(setup_ns(longest))}."
    )
    took = _round_trip(longest)
    if took is not None:
        yield (
            f"The TCP connect, one round trip, took {duration(took)}; a handshake needs one or two."
        )
    if longest.node.span.attributes.get(a.TLS_RESUMED) is False:
        yield "The session was not resumed: every new connection makes a full handshake."
    if "tls" in array(longest.node.span.attributes.get(a.DERIVED)):
        yield "What precedes the handshake is worked out: it runs from the end of the TCP connect."
    yield (
        "Sure: measured. Every new connection pays it, so it is contained in what missing "
        "connection reuse costs."
    )


def _fix(calls: Sequence[Call]) -> Iterator[str]:
    yield "keep connections: a kept one needs no handshake"
    yield from keep_connections(calls[0])
    if any(setup_ns(call) >= SLOW_SETUP_NS for call in calls):
        yield "and make one ssl.create_default_context() at start, shared by all clients"
    if any(_slow_handshake(call) for call in calls):
        yield f"and look at {calls[0].peer}: CPU during handshakes, RSA keys over 2048 bits, OCSP"

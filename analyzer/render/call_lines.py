"""The lines below a call's title, as a label and items each; what is not known has no item.

A value that was not measured carries the mark of its quality: ``~`` derived, ``?`` inferred.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.facts import CallFacts
from analyzer.render.amounts import counted, ordinal
from analyzer.render.items import Line, mark
from analyzer.render.streams import stream
from analyzer.units import duration

_OUTCOMES = {"timeout": "timed out after", "cancelled": "given up after", "ok": "answered in"}
_WORTH_TELLING_NS = 1_000_000
_ADDRESSES_SHOWN = 4


def lines_of(call: CallFacts) -> Iterator[Line]:
    """Yield the lines of *call*, those with something to say."""
    lines: list[Line] = [
        ("error", list(_error(call))),
        ("conn", list(_connection(call))),
        ("time", list(_times(call))),
        ("tried", list(_tried(call))),
        ("body", list(_body(call))),
        ("at", list(_places(call))),
    ]
    return (line for line in lines if line[1])


def _error(call: CallFacts) -> Iterator[str]:
    if call.error is not None:
        where = f" in {mark(call, 'error_phase')}{call.error_phase}" if call.error_phase else ""
        yield f"{call.error}{where}"
    if call.dns_error is not None:
        yield f"look-up failed: {call.dns_error}"


def _connection(call: CallFacts) -> Iterator[str]:
    it = call.connection
    if it.state is not None:
        yield f"{mark(call, 'connection.state')}{it.state}"
    if it.use is not None and it.state != "new":
        yield f"{mark(call, 'connection.use')}{ordinal(it.use)} call on it"
    if it.idle_ns is not None:
        yield f"idle {mark(call, 'connection.idle_ns')}{duration(it.idle_ns)} before"
    if it.age_ns is not None:
        yield f"age {mark(call, 'connection.age_ns')}{duration(it.age_ns)}"
    yield from _wire(call)
    if call.redirect:
        yield f"{mark(call, 'redirect')}redirect {call.redirect}"
    if call.resend and call.resend > (call.redirect or 0):
        yield f"sent again ({ordinal(call.resend + 1)} time)"
    if call.client_object.discards:
        yield f"pool full, {counted(call.client_object.discards, 'connection')} discarded"


def _wire(call: CallFacts) -> Iterator[str]:
    it, library = call.connection, call.client_object.library
    if library is not None:
        yield library
    if it.protocol is not None:
        yield f"HTTP/{it.protocol}"
    if it.tls is not None:
        yield f"TLS {it.tls}{', resumed' if it.tls_resumed else ''}"
    ends = " → ".join(end for end in (it.local, it.peer) if end is not None)
    if ends:
        yield ends
    if it.proxy is not None:
        yield f"through proxy {it.proxy}"
    if it.rtt_ns is not None:
        yield f"RTT {duration(it.rtt_ns)}"
    if it.retransmits:
        yield counted(it.retransmits, "retransmit")


def _times(call: CallFacts) -> Iterator[str]:
    setup = call.connection.tls_setup_ns or 0
    for phase in call.phases:
        name = "pool wait" if phase.name == "pool" else phase.name
        text = f"{name} {mark(call, f'phases.{phase.name}')}{duration(phase.ns)}"
        if phase.name == "tls" and setup >= _WORTH_TELLING_NS:
            quality = mark(call, "connection.tls_setup_ns")
            text += f" ({quality}{duration(setup)} of it set-up)"
        yield text
    if call.unexplained_ns is not None:
        yield f"unexplained {mark(call, 'unexplained_ns')}{duration(call.unexplained_ns)}"
    if call.gc_ns:
        yield f"GC meanwhile {mark(call, 'gc_ns')}{duration(call.gc_ns)}"
    if call.loop_lag_ns:
        yield f"event loop held {duration(call.loop_lag_ns)}"


def _tried(call: CallFacts) -> Iterator[str]:
    """Tell of the addresses where there is more to it than the one that answered."""
    if len(call.attempts) == 1 and call.attempts[0].outcome == "ok":
        return
    for at in call.attempts[:_ADDRESSES_SHOWN]:
        outcome = _OUTCOMES.get(at.outcome, f"{at.outcome} after")
        yield f"{at.address} {outcome} {duration(at.ns)}"
    if len(call.attempts) > _ADDRESSES_SHOWN:
        yield f"and {len(call.attempts) - _ADDRESSES_SHOWN} more"


def _body(call: CallFacts) -> Iterator[str]:
    body = call.body
    if body is None:
        return
    if call.is_stream:
        yield from stream(call, "body", body)
        if body.held_ns:
            yield f"reader held {duration(body.held_ns)}"
    if body.ended in ("reader left", "broken off") or (call.is_stream and body.ended):
        yield str(body.ended)


def _places(call: CallFacts) -> Iterator[str]:
    client = call.client_object
    if call.called_at is not None:
        yield _short(call.called_at)
    if client.made_at is not None:
        same = client.made_at == call.called_at
        yield "client made there" if same else f"client made at {_short(client.made_at)}"
    if call.connection.state == "new" and client.age_ns is not None:
        yield f"client {duration(client.age_ns)} old"
    if call.connection.state == "new" and client.calls_before:
        yield f"{counted(client.calls_before, 'call')} before"
    if client.setup_ns is not None and client.setup_ns >= _WORTH_TELLING_NS:
        yield f"making it took {duration(client.setup_ns)}"


def _short(where: str) -> str:
    """Return the place with the last folder only; --json has the whole path."""
    return "/".join(where.split("/")[-2:])

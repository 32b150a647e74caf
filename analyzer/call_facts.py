"""From a request's outgoing calls to what is said about each (:mod:`analyzer.facts`). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from analyzer import conventions
from analyzer.body_facts import body_facts, error_of, has_sampled_gaps
from analyzer.calls import Call, wraps_another
from analyzer.facts import (
    AddressFacts,
    BodyFacts,
    CallFacts,
    ClientFacts,
    ConnectionFacts,
    PhaseFacts,
)
from analyzer.phases import array
from analyzer.places import called_at, made_at
from analyzer.trace import Node
from tracekit import attributes as a


def call_facts(calls: Iterable[Call], start: int, path: Iterable[Node]) -> tuple[CallFacts, ...]:
    """Return the facts of *calls* in order of time; *path* is what the critical path touches.

    A call that is only the outer span of another one is left out, as it is among the edges.
    """
    on_path = passing(path)
    return tuple(_facts(call, start, on_path) for call in calls if not wraps_another(call))


def passing(path: Iterable[Node]) -> set[Node]:
    """Return the nodes of *path* and all those above them."""
    found: set[Node] = set()
    for touched in path:
        node: Node | None = touched
        while node is not None and node not in found:
            found.add(node)
            node = node.parent
    return found


def _facts(call: Call, start: int, on_path: Collection[Node]) -> CallFacts:
    node, span = call.node, call.node.span
    explained = call.phase_ns(*a.PHASES)
    body = body_facts(call, start)
    error, phase = failure(call)
    return CallFacts(
        span_id=span.span_id,
        client=call.client,
        server=call.peer,
        start_ns=node.start - start,
        ns=node.duration,
        on_path=node in on_path,
        method=conventions.method(span),
        path=conventions.path(span),
        status=conventions.status_code(span),
        error=error,
        error_phase=phase,
        resend=call.number(a.HTTP_RESEND_COUNT) or None,
        redirect=call.number(a.REDIRECT) or None,
        phases=tuple(PhaseFacts(p.name, p.start - start, p.end - p.start) for p in call.phases),
        unexplained_ns=node.duration - explained if call.phases else None,
        gc_ns=call.number(a.GC_TIME),
        loop_lag_ns=call.number(a.LOOP_LAG),
        dns_addresses=_texts(call, a.DNS_ADDRESSES),
        dns_error=call.text(a.DNS_ERROR),
        attempts=_addresses(call, start),
        called_at=called_at(call),
        connection=_connection(call),
        client_object=_client(call),
        body=body,
        derived=_derived(call, body),
        inferred=_inferred(call),
    )


def failure(call: Call) -> tuple[str | None, str | None]:
    """Return what the call ended with and in which phase; an error status is no such thing."""
    for body in call.node.bodies:
        error = error_of(body)
        if error is not None:
            return error, "receive"
    error = error_of(call.node.span)
    return error, call.text(a.ERROR_PHASE) if error is not None else None


def _addresses(call: Call, start: int) -> tuple[AddressFacts, ...]:
    return tuple(
        AddressFacts(at.address, at.start - start, at.end - at.start, at.outcome)
        for at in call.attempts
    )


def _connection(call: Call) -> ConnectionFacts:
    resumed = call.node.span.attributes.get(a.TLS_RESUMED)
    return ConnectionFacts(
        state=call.state,
        use=call.number(a.CONNECTION_USE),
        idle_ns=call.number(a.CONNECTION_IDLE),
        age_ns=call.number(a.CONNECTION_AGE),
        protocol=call.text(a.PROTOCOL_VERSION),
        tls=call.text(a.TLS_VERSION),
        tls_resumed=resumed if isinstance(resumed, bool) else None,
        tls_setup_ns=call.number(a.TLS_SETUP) if call.phase_ns("tls") else None,
        local=_endpoint(call, a.LOCAL_ADDRESS, a.LOCAL_PORT),
        peer=_endpoint(call, a.PEER_ADDRESS, a.PEER_PORT),
        proxy=call.text(a.PROXY),
        rtt_ns=call.number(a.TCP_RTT),
        retransmits=call.number(a.TCP_RETRANSMITS),
    )


def _client(call: Call) -> ClientFacts:
    return ClientFacts(
        library=call.text(a.CLIENT_LIBRARY),
        made_at=made_at(call),
        setup_ns=call.number(a.CLIENT_SETUP),
        age_ns=call.number(a.CLIENT_AGE),
        calls_before=call.number(a.CLIENT_REQUESTS),
        discards=call.number(a.POOL_DISCARDS),
    )


def _endpoint(call: Call, address: str, port: str) -> str | None:
    host, number = call.text(address), call.number(port)
    if host is None or number is None:
        return host
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def _derived(call: Call, body: BodyFacts | None) -> frozenset[str]:
    """Return the paths of the fields that were worked out."""
    phases = _texts(call, a.DERIVED)
    found = [f"phases.{name}" for name in phases]
    if "tls" in phases:
        found.append("connection.tls_setup_ns")
    if call.node.shift:
        found.append("start_ns")
    if has_sampled_gaps(body):
        found += ["body.gap_p50_ns", "body.gap_p95_ns"]
    return _ALWAYS_DERIVED.union(found) if found else _ALWAYS_DERIVED


def _inferred(call: Call) -> frozenset[str]:
    names = _texts(call, a.INFERRED)
    follow = ("use", "idle_ns", "age_ns") if "state" in names else ()
    return frozenset((*names, *(f"connection.{name}" for name in (*names, *follow))))


def _texts(call: Call, name: str) -> tuple[str, ...]:
    return tuple(str(item) for item in array(call.node.span.attributes.get(name)))


_ALWAYS_DERIVED = frozenset({"unexplained_ns", "error_phase", "redirect"})

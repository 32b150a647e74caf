"""What each service-to-service hand-off cost, and how often connections were reused (R8). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.calls import Call, wraps_another
from analyzer.phases import Interval, overlap
from analyzer.queues import queue_ns
from analyzer.report import Edge
from analyzer.skew import one_clock
from tracekit.attributes import PHASES


def edges(calls: Iterable[Call]) -> tuple[Edge, ...]:
    """Return one edge per (client service, server), the most expensive hand-off first."""
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        if not wraps_another(call):
            grouped.setdefault((call.client, call.peer), []).append(call)
    found = [_edge(client, server, group) for (client, server), group in grouped.items()]
    return tuple(sorted(found, key=lambda edge: -_known_cost(edge)))


def _known_cost(edge: Edge) -> int:
    return edge.connection_ns if edge.handoff_ns is None else edge.handoff_ns


def handoff_ns(calls: Iterable[Call]) -> int | None:
    """Return the clients' time minus their servers'; None where no server sent a span.

    Without one, what is spent on the other side cannot be told from the way there and back: a
    server may send its headers at once and work while it sends the body.
    """
    traced = [call for call in calls if call.servers]
    return sum(map(_beyond_servers, traced)) if traced else None


def _beyond_servers(call: Call) -> int:
    return max(0, call.node.duration - sum(server.duration for server in call.servers))


def network_ns(call: Call) -> int:
    """Return the wait in which the server was not at work; 0 without a server span."""
    wait = call.phase_ns("wait")
    if not call.servers:
        return 0
    if all(one_clock(call.node.span, server.span) for server in call.servers):
        served = [Interval(server.start, server.end) for server in call.servers]
        return max(0, wait - overlap(call.intervals("wait"), served))
    # Two clocks say how long the server worked, not when: no position can be trusted.
    return wait - min(wait, sum(server.duration for server in call.servers))


def _edge(client: str, server: str, calls: list[Call]) -> Edge:
    states = [call.state for call in calls]
    new, reused = states.count("new"), states.count("reused") + states.count("joined")
    phases = {name: sum(call.phase_ns(name) for call in calls) for name in PHASES}
    return Edge(
        client=client,
        server=server,
        calls=len(calls),
        new_connections=new,
        reused=reused,
        unknown=len(calls) - new - reused,
        handoff_ns=handoff_ns(calls),
        pool_wait_ns=phases["pool"],
        dns_ns=phases["dns"],
        connect_ns=phases["connect"],
        tls_ns=phases["tls"],
        send_ns=phases["send"],
        wait_ns=phases["wait"],
        network_ns=sum(network_ns(call) for call in calls),
        receive_ns=phases["receive"],
        proxy_ns=phases["proxy"],
        queue_ns=sum(min(queue_ns(call), network_ns(call)) for call in calls),
    )

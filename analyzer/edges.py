"""What each service-to-service hand-off cost, and how often connections were reused (R8). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.calls import Call, wraps_another
from analyzer.phases import Interval, overlap
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
    return tuple(sorted(found, key=lambda edge: -edge.handoff_ns))


def handoff_ns(call: Call) -> int:
    """Return the client's time minus its server's; without a server span, all but the wait.

    A call with neither a server span nor phases shows no hand-off: 0.
    """
    duration = call.node.duration
    if call.servers:
        return max(0, duration - sum(server.duration for server in call.servers))
    return duration - call.phase_ns("wait") if call.phases else 0


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
        handoff_ns=sum(handoff_ns(call) for call in calls),
        pool_wait_ns=phases["pool"],
        dns_ns=phases["dns"],
        connect_ns=phases["connect"],
        tls_ns=phases["tls"],
        send_ns=phases["send"],
        wait_ns=phases["wait"],
        network_ns=sum(network_ns(call) for call in calls),
        receive_ns=phases["receive"],
        proxy_ns=phases["proxy"],
    )

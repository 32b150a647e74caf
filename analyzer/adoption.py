"""Join the traces of one request that a service in the middle has parted. Pure.

A service without tracing that passes on only ``X-Request-ID`` starts a new trace behind it. Its
server span is a root; it belongs to the call during which it ran.
"""

from __future__ import annotations

from analyzer.span import Kind
from analyzer.trace import Forest, Node, top_of


def adopt(forest: Forest) -> None:
    """Hang every root server span under the call that must have caused it, with a warning.

    The call is a client span of another service with the same request ID that reached no server
    span, and in whose time the root lies; of several the shortest. Roots that fit none stay (R1).
    """
    clients = [node for node in forest.nodes if _reached_nobody(node)]
    for root in list(forest.roots):
        call = _call_around(root, clients)
        if call is None:
            continue
        root.parent = call
        call.children.append(root)
        forest.roots.remove(root)
        forest.warnings.append(
            f"{root.span.service} {root.span.name} was joined to the call of {call.span.service} "
            f"by their request ID: the service between them passed no trace context on"
        )


def _reached_nobody(node: Node) -> bool:
    return node.span.kind is Kind.CLIENT and not any(
        child.span.kind in (Kind.SERVER, Kind.CLIENT) for child in node.children
    )


def _call_around(root: Node, clients: list[Node]) -> Node | None:
    if root.span.kind is not Kind.SERVER or root.span.request_id is None:
        return None
    around = [
        client
        for client in clients
        if client.span.request_id == root.span.request_id
        and client.span.trace_id != root.span.trace_id
        and client.span.service != root.span.service
        and client.start <= root.start
        and root.end <= client.end
        and top_of(client) is not root
    ]
    return min(around, key=lambda c: (c.duration, c.start, c.span.span_id), default=None)

"""Calls whose response somebody else reads than who sent the request. Pure.

A gateway sends its request upstream inside a stage or an endpoint, which ends with the headers; the
body is read while the response streams to the client. R4 would call the whole call not waited for.
The stage waited for the headers, and what is above it for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.critical_path import is_hop
from analyzer.phases import phases_of
from analyzer.span import Kind
from analyzer.trace import Node, Rest

_CLOSING_NS = 5_000_000
"""How long after its request's end a call may be closed: 5 ms."""


def hand_over(nodes: Iterable[Node]) -> None:
    """Give the rest of each such call to the nearest span above that lasts as long."""
    for node in nodes:
        parent, answered_at = node.parent, _answered_at(node)
        if parent is None or answered_at is None or not answered_at <= parent.end < node.end:
            continue
        begin = parent.end
        for above in _above(parent):
            if node.end <= above.end + _CLOSING_NS:
                if begin < min(node.end, above.end):
                    above.rests.append(Rest(node, begin))
                    node.handed_over = True
                break
            begin = max(begin, above.end)


def _answered_at(node: Node) -> int | None:
    if node.span.kind is not Kind.CLIENT:
        return None
    if node.bodies:
        return node.own_end
    return next((phase.start for phase in phases_of(node) if phase.name == "receive"), None)


def _above(node: Node) -> Iterator[Node]:
    """Yield what is above *node* in its service, the nearest first; not who called that."""
    service = node.span.service
    while not is_hop(node) and node.parent is not None and not node.parent.virtual:
        node = node.parent
        if node.span.service != service:
            return
        yield node

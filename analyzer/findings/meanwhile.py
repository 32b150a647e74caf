"""What a service did at a time that something else waited for."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.phases import Interval, overlap
from analyzer.span import Kind
from analyzer.trace import Node


def busiest(nodes: Sequence[Node], gap: Interval) -> str | None:
    """Return which service was in which span: the deepest that fills most of *gap*."""

    def within(node: Node) -> int:
        return overlap((Interval(node.start, node.end),), (gap,))

    deepest: Node | None = None
    while nodes:
        node = max(nodes, key=within)
        if 2 * within(node) < gap.end - gap.start:
            break
        deepest, nodes = node, node.children
    if deepest is None:
        return None
    own = deepest.span.kind is Kind.SERVER
    return f"{deepest.span.service} was in {'its own code' if own else deepest.span.name}"

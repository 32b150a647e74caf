"""A span's own work (R5), apart from the critical path. Pure.

Self times of spans that ran side by side may add up to more than the request's total, so they are
never shown as a share of it.
"""

from __future__ import annotations

from analyzer.trace import Node


def self_time(node: Node) -> int:
    """Return *node*'s duration less the union of its children, in nanoseconds (R5)."""
    covered = 0
    cursor = node.start
    for child in sorted(node.children, key=lambda child: child.start):
        start, end = max(child.start, cursor), min(child.end, node.end)
        if start < end:
            covered += end - start
            cursor = end
    return node.duration - covered

"""Moments marked with ``mark()``, counted from the request's start. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.report import Milestone
from analyzer.trace import Node
from tracekit.attributes import MILESTONE


def milestones(nodes: Iterable[Node], start: int) -> tuple[Milestone, ...]:
    """Return every milestone in order of time; events move with their span's clock (R2)."""
    found = [
        Milestone(node.span.service, event.name, event.time_ns + node.shift - start)
        for node in nodes
        for event in node.span.events
        if event.attributes.get(MILESTONE) is True
    ]
    return tuple(sorted(found, key=lambda m: (m.at_ns, m.service, m.name)))

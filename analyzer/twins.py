"""One request that two instrumentations saw: fold the inner server span into the outer one. Pure.

FastAPI and OpenTelemetry's middleware open a server span of their own inside tracekit's, or around
it. As two spans the service would stand twice in every result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from analyzer import conventions
from analyzer.findings.process import process_of
from analyzer.span import Attributes, AttributeValue, Kind, Span
from analyzer.trace import Forest, Node, preorder
from tracekit import attributes as a

_FROM_START = (a.FIRST_BYTE, a.BODY_FIRST_CHUNK, a.REQUEST_BODY, a.BODY_STALL_STARTS)
"""Attributes that count from the start of their span."""
_Fact = TypeVar("_Fact", str, int)


def fold(forest: Forest) -> None:
    """Take every inner server span out of *forest*; its facts and children go to the outer one."""
    folded: set[Node] = set()
    for node in list(preorder([*forest.roots, *forest.orphans])):
        outer = node.parent
        if outer is not None and _is_same_request(outer, node):
            _absorb(outer, node)
            folded.add(node)
    if folded:
        forest.nodes = [node for node in forest.nodes if node not in folded]


def _is_same_request(outer: Node, inner: Node) -> bool:
    """Return whether both are of one process, contradict each other in nothing, and ran together.

    A request that came back to its own process, by a client that is not traced, comes on another
    connection.
    """
    first, second = outer.span, inner.span
    return (
        first.kind is second.kind is Kind.SERVER
        and first.service == second.service
        and process_of(first) == process_of(second)
        and _agree(first, second, conventions.method)
        and _agree(first, second, conventions.path)
        and _agree(first, second, _peer_port)
        and _covers_half(outer, inner)
    )


def _agree(first: Span, second: Span, fact: Callable[[Span], _Fact | None]) -> bool:
    one, other = fact(first), fact(second)
    return one is None or other is None or one == other


def _peer_port(span: Span) -> int | None:
    return conventions.number(span.attributes, a.PEER_PORT, "client.port", "net.peer.port")


def _covers_half(outer: Node, inner: Node) -> bool:
    together = min(outer.end, inner.end) - max(outer.start, inner.start)
    return 2 * together >= outer.duration


def _absorb(outer: Node, inner: Node) -> None:
    late = inner.span.start_ns - outer.span.start_ns
    outer.children.remove(inner)
    outer.children.extend(inner.children)
    for child in inner.children:
        child.parent = outer
    events = sorted((*outer.span.events, *inner.span.events), key=lambda event: event.time_ns)
    outer.span = replace(
        outer.span,
        attributes={**_moved(inner.span.attributes, late), **outer.span.attributes},
        events=tuple(events),
    )


def _moved(attributes: Attributes, late: int) -> Attributes:
    """Return *attributes* as those of a span that started *late* nanoseconds earlier."""
    return {
        name: _later(value, late) if name in _FROM_START else value
        for name, value in attributes.items()
    }


def _later(value: AttributeValue, late: int) -> AttributeValue:
    if isinstance(value, int):
        return value + late
    if isinstance(value, (list, tuple)):
        return [_later(one, late) for one in value]
    return value

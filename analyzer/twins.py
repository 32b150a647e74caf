"""One request that two instrumentations saw: fold the inner span into the outer one. Pure.

FastAPI and OpenTelemetry's middleware open a span of their own inside tracekit's, or around it. As
two spans the service would stand twice in every result. The view ``spans_ms`` knows the same rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from analyzer import conventions
from analyzer.process import process_of
from analyzer.span import Attributes, AttributeValue, Kind, Span, Status
from analyzer.trace import Forest, Node, preorder
from tracekit import attributes as a

_FROM_START = (a.FIRST_BYTE, a.BODY_FIRST_CHUNK, a.REQUEST_BODY, a.BODY_STALL_STARTS)
"""Attributes that count from the start of their span."""
_PATH = (a.URL_PATH, "http.target")
"""What a server says of its path; a whole URL is as well that of a call."""
_Fact = TypeVar("_Fact", str, int)


def fold(forest: Forest) -> None:
    """Take every inner span out of *forest*; its facts and children go to the outer one."""
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
        first.kind is Kind.SERVER
        and _serves(second)
        and _of_one_process(first, second)
        and _agree(first, second, conventions.method)
        and _agree(first, second, _path)
        and _agree(first, second, _peer_port)
        and _ran_together(outer, inner)
    )


def _serves(span: Span) -> bool:
    """Return whether *span* may be a request's, seen by its server.

    OpenTelemetry's middleware opens an internal span where it finds one current.
    """
    if span.kind is Kind.SERVER:
        return True
    where = conventions.text(span.attributes, a.HTTP_ROUTE, *_PATH)
    return span.kind is Kind.INTERNAL and None not in (conventions.method(span), where)


def _of_one_process(first: Span, second: Span) -> bool:
    """Return whether it is known that one process made both; a service alone may be many."""
    process = process_of(first)
    known = process.name is not None
    return known and first.service == second.service and process == process_of(second)


def _agree(first: Span, second: Span, fact: Callable[[Span], _Fact | None]) -> bool:
    one, other = fact(first), fact(second)
    return one is None or other is None or one == other


def _path(span: Span) -> str | None:
    found = conventions.text(span.attributes, *_PATH)
    return None if found is None else found.split("?", 1)[0]


def _peer_port(span: Span) -> int | None:
    return conventions.number(span.attributes, a.PEER_PORT, "client.port", "net.peer.port")


def _ran_together(outer: Node, inner: Node) -> bool:
    """Return whether the inner one covers half of the outer one.

    Some of it is enough where both name the same method and path: a middleware between the two may
    have taken most of the time.
    """
    together = min(outer.end, inner.end) - max(outer.start, inner.start)
    is_named = all(_is_named(node.span) for node in (outer, inner))
    return together >= 0 if is_named else 2 * together >= outer.duration


def _is_named(span: Span) -> bool:
    return None not in (_path(span), conventions.method(span))


def _absorb(outer: Node, inner: Node) -> None:
    late = inner.span.start_ns - outer.span.start_ns
    outer.children.remove(inner)
    outer.children.extend(inner.children)
    for child in inner.children:
        child.parent = outer
    outer.span = _merged(outer.span, inner.span, late)


def _merged(outer: Span, inner: Span, late: int) -> Span:
    """Return *outer* with what only *inner*, which began *late* nanoseconds later, knows."""
    # To whoever does not know that the client has left, its leaving is an error.
    left = conventions.text(outer.attributes, a.ENDED) == "client_left"
    failed = _failed(inner) and outer.status is not Status.ERROR and not left
    theirs = {name: value for name, value in inner.attributes.items() if name != a.ERROR_TYPE}
    return replace(
        outer,
        request_id=outer.request_id or inner.request_id,
        status=Status.ERROR if failed else outer.status,
        status_message=inner.status_message if failed else outer.status_message,
        attributes={**_moved(theirs if left else inner.attributes, late), **outer.attributes},
        events=tuple(sorted((*outer.events, *inner.events), key=lambda event: event.time_ns)),
    )


def _failed(span: Span) -> bool:
    return span.status is Status.ERROR or (conventions.status_code(span) or 0) >= 500


def _moved(attributes: Attributes, late: int) -> Attributes:
    """Return *attributes* as those of a span that started *late* nanoseconds earlier."""
    moved = {
        name: _later(value, late) if name in _FROM_START else value
        for name, value in attributes.items()
    }
    queue = conventions.number(attributes, a.QUEUE)
    # A queue ended where its span began: the outer one was at work for the last of it.
    return moved if queue is None else {**moved, a.QUEUE: max(0, queue - late)}


def _later(value: AttributeValue, late: int) -> AttributeValue:
    if isinstance(value, int):
        return value + late
    if isinstance(value, (list, tuple)):
        return [_later(one, late) for one in value]
    return value

"""From a request's spans to what is said of each service (:mod:`analyzer.service`). Pure.

Every server span counts, and the root by which a request was begun by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analyzer import conventions
from analyzer.body_facts import error_of, has_sampled_gaps, passed, stalls_in
from analyzer.call_facts import passing
from analyzer.exceptions import ending, failed_stages
from analyzer.facts import BodyFacts
from analyzer.phases import Interval, array, nanoseconds, union
from analyzer.process import process_of
from analyzer.service import (
    Outcome,
    PeerFacts,
    RequestBodyFacts,
    ServiceFacts,
    WebSocketFacts,
)
from analyzer.span import Kind, Span
from analyzer.trace import Node, Tree
from tracekit import attributes as a

_ENDED: dict[str, Outcome] = {
    "complete": "complete",
    "client_left": "client left",
    "cancelled": "cancelled",
    "error": "error",
}
BY_PROXY = "x-request-start"
"""The source of a queue that two clocks tell."""
BY_KERNEL = "tcp_info"
"""The source of a queue that is counted in the kernel's ticks, of up to 4 ms."""
_BELIEVED_NS = 60_000_000_000
"""No proxy lets a request wait longer: its clock is wrong."""
_INFERRED = frozenset({"peer.state", "peer.use"})
_CLEAN_CLOSES = (1000, 1001, 1005)
"""A websocket's close that somebody said goodbye with (RFC 6455, 7.4.1)."""


def service_facts(tree: Tree, path: Iterable[Node]) -> tuple[ServiceFacts, ...]:
    """Return the facts of every service in order of time; *path* is what the path touches."""
    on_path = passing(path)
    begins = [node for node in tree.nodes if is_service(node, tree)]
    begins.sort(key=lambda node: (node.start, -node.end, node.span.span_id))
    return tuple(_facts(node, tree.root.start, node in on_path) for node in begins)


def is_service(node: Node, tree: Tree) -> bool:
    """Return whether *node* is a service's own side: a server span, or a root made by hand."""
    if node.span.kind is Kind.SERVER:
        return True
    return node is tree.first and tree.rooted and node.span.kind is not Kind.CLIENT


def ended(node: Node) -> Outcome | None:
    """Return how *node*'s request ended, where its middleware says so.

    Who closes a websocket has not left it.
    """
    how = _ENDED.get(conventions.text(node.span.attributes, a.ENDED) or "")
    is_closed = is_websocket(node) and _number(node, a.WEBSOCKET_CLOSE) in _CLEAN_CLOSES
    return "complete" if is_closed and how == "client left" else how


def is_websocket(node: Node) -> bool:
    """Return whether *node* counted a websocket's messages."""
    return _websocket(node) is not None


def queued_ns(node: Node) -> int:
    """Return how long a request waited before *node* took it up; 0 where nothing sane says so."""
    told = max(0, _number(node, a.QUEUE) or 0)
    return 0 if _told_by_proxy(node) and told > _BELIEVED_NS else told


def _told_by_proxy(node: Node) -> bool:
    return conventions.text(node.span.attributes, a.QUEUE_SOURCE) == BY_PROXY


def background(node: Node) -> tuple[Node, ...]:
    """Return what *node*'s application did after the response."""
    return tuple(child for child in node.children if is_background(child))


def is_background(node: Node) -> bool:
    """Return whether *node* began after the response of its server span, its parent."""
    parent = node.parent
    if node.span.attributes.get(a.BACKGROUND) is True:
        return True
    if parent is None or parent.span.kind is not Kind.SERVER:
        return False
    return _is_same_process(parent.span, node.span) and parent.end <= node.start < node.end


def _is_same_process(one: Span, other: Span) -> bool:
    process = process_of(one)
    is_named = process.name is not None and process == process_of(other)
    return is_named and one.service == other.service


def _facts(node: Node, start: int, on_path: bool) -> ServiceFacts:
    span = node.span
    body = _body(node, start)
    after = background(node)
    failed = [late.span for late in after if error_of(late.span)]
    how = ending(span)
    return ServiceFacts(
        span_id=span.span_id,
        service=span.service,
        name=conventions.display_name(span),
        start_ns=node.start - start,
        ns=node.duration,
        on_path=on_path,
        status=conventions.status_code(span),
        error=error_of(span),
        exception=how.exception,
        failed_stages=failed_stages(node, after),
        ended=ended(node),
        queued_ns=queued_ns(node) or None,
        queue_source=conventions.text(span.attributes, a.QUEUE_SOURCE),
        unbelieved_queue_ns=None if queued_ns(node) else _number(node, a.QUEUE),
        request_body=_request_body(node),
        response_body=body,
        background_ns=_covered(after) if after else None,
        background_error=error_of(failed[0]) if failed else None,
        background_exception=ending(failed[0]).exception if failed else None,
        loop_lag_ns=_number(node, a.LOOP_LAG),
        largest_lag_ns=_number(node, a.LOOP_LAG_LARGEST),
        gc_ns=_number(node, a.GC_TIME),
        peer=_peer(node),
        websocket=_websocket(node),
        derived=_derived(node, body),
        inferred=_INFERRED if how.is_certain else _INFERRED | {"exception"},
    )


def _covered(nodes: Iterable[Node]) -> int:
    return sum(end - start for start, end in union(Interval(one.start, one.end) for one in nodes))


def _number(node: Node, name: str) -> int | None:
    return conventions.number(node.span.attributes, name)


def _request_body(node: Node) -> RequestBodyFacts | None:
    first, last = request_body(node)
    facts = RequestBodyFacts(
        first_ns=first,
        ns=None if first is None or last is None else max(0, last - first),
        waited_ns=_number(node, a.REQUEST_BODY_WAIT),
        bytes=_number(node, a.REQUEST_BODY_BYTES),
    )
    return None if facts == RequestBodyFacts() else facts


def request_body(node: Node) -> tuple[int | None, int | None]:
    """Return when *node* began and ended to read the request's body, from its start."""
    ends = [nanoseconds(end) for end in array(node.span.attributes.get(a.REQUEST_BODY))]
    return (ends[0], ends[1]) if len(ends) == 2 else (None, None)


def _body(node: Node, start: int) -> BodyFacts | None:
    facts = replace(
        passed(node.span, stalls_in(node, node.span), start),
        headers_ns=_number(node, a.FIRST_BYTE),
        first_chunk_ns=_number(node, a.BODY_FIRST_CHUNK),
    )
    return None if facts == BodyFacts() else facts


def _peer(node: Node) -> PeerFacts:
    found = node.span.attributes
    return PeerFacts(
        state=conventions.text(found, a.PEER_CONNECTION),
        use=_number(node, a.PEER_USE),
        protocol=conventions.text(found, a.PROTOCOL_VERSION),
        address=conventions.text(found, a.PEER_ADDRESS),
    )


def _websocket(node: Node) -> WebSocketFacts | None:
    facts = WebSocketFacts(
        received=_number(node, a.WEBSOCKET_RECEIVED),
        sent=_number(node, a.WEBSOCKET_SENT),
        received_bytes=_number(node, a.WEBSOCKET_RECEIVED_BYTES),
        sent_bytes=_number(node, a.WEBSOCKET_SENT_BYTES),
        close_code=_number(node, a.WEBSOCKET_CLOSE),
    )
    return None if facts == WebSocketFacts() else facts


def _derived(node: Node, body: BodyFacts | None) -> frozenset[str]:
    found = set()
    if _told_by_proxy(node):  # its clock is not the service's
        found |= {"queued_ns", "unbelieved_queue_ns"}
    if node.shift:
        found.add("start_ns")
    if has_sampled_gaps(body):
        found |= {"response_body.gap_p50_ns", "response_body.gap_p95_ns"}
    return frozenset(found)

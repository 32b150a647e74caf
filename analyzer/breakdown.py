"""Where the time went, by service and stage (R5), with retries' pauses apart (R6). Pure.

Every section of the critical path is given to exactly one stage, so the stages sum to the request.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from analyzer import conventions
from analyzer.calls import Call
from analyzer.critical_path import PathSection
from analyzer.phases import Interval, Phase
from analyzer.queues import queues
from analyzer.report import Stage
from analyzer.span import Kind
from analyzer.trace import GAP, Node
from tracekit.attributes import HTTP_RESEND_COUNT, REDIRECT

_PHASE_STAGES = {
    "pool": ("pool wait", "pool_wait"),
    "dns": ("dns", "dns"),
    "connect": ("connect", "connect"),
    "proxy": ("proxy", "proxy"),
    "tls": ("tls", "tls"),
    "send": ("send", "send"),
    "wait": ("wait", "wait"),
    "receive": ("receive", "receive"),
}
OVERHEAD = frozenset({"pool_wait", "dns", "connect", "proxy", "tls"})
"""The kinds of stage that a ready connection would not have cost."""


class Bucket(NamedTuple):
    """What a stage is called, before anything is summed."""

    service: str
    stage: str
    kind: str
    peer: str | None = None


class Piece(NamedTuple):
    """A stretch of a node's own time that belongs to *bucket*."""

    start: int
    end: int
    bucket: Bucket


class _Own(NamedTuple):
    """How a node's own time is cut: the pieces, and the bucket of all the rest."""

    pieces: list[Piece]
    rest: Bucket


def breakdown(
    path: Iterable[PathSection], calls: Mapping[Node, Call], awaited: Mapping[Node, bool]
) -> tuple[Stage, ...]:
    """Return the stages, the largest first and what nothing accounts for last.

    *awaited* says of each server span whether its client waited for it (R4).
    """
    sums: dict[Bucket, int] = {}
    cut: dict[Node, _Own] = {}
    for section in path:
        node = section.node
        if node not in cut:
            cut[node] = _own_time(node, calls.get(node), awaited)
        for bucket, ns in _spread(section, cut[node]):
            sums[bucket] = sums.get(bucket, 0) + ns
    total = sum(sums.values())
    stages = [Stage(b.service, b.stage, b.kind, ns, ns / total, b.peer) for b, ns in sums.items()]
    stages.sort(key=lambda s: (s.kind == "unattributed", -s.ns, s.service, s.stage, s.peer or ""))
    return tuple(stages)


def _spread(section: PathSection, own: _Own) -> Iterator[tuple[Bucket, int]]:
    cursor = section.start
    first = max(0, bisect_right(own.pieces, section.start, key=lambda piece: piece.start) - 1)
    for number in range(first, len(own.pieces)):
        piece = own.pieces[number]
        if piece.start >= section.end:
            break
        start, end = max(piece.start, cursor), min(piece.end, section.end)
        if start < end:
            if cursor < start:
                yield own.rest, start - cursor
            yield piece.bucket, end - start
            cursor = end
    if cursor < section.end:
        yield own.rest, section.end - cursor


def _own_time(node: Node, call: Call | None, awaited: Mapping[Node, bool]) -> _Own:
    if call is not None and call.phases:
        rest = Bucket(call.client, "not accounted for", "unattributed", call.peer)
        return _Own([piece for p in call.phases for piece in _phase_pieces(p, call, awaited)], rest)
    return _Own(_backoffs(node), _rest(node, call))


def _rest(node: Node, call: Call | None) -> Bucket:
    span = node.span
    if node.virtual:
        return Bucket("", GAP, "unattributed")
    if call is not None:
        return Bucket(span.service, span.name, "call", call.peer)
    is_root = node.parent is None or node.parent.virtual
    if span.kind is Kind.SERVER or is_root:
        return Bucket(span.service, "own time", "own")
    return Bucket(span.service, span.name, "stage")


def _phase_pieces(phase: Phase, call: Call, awaited: Mapping[Node, bool]) -> Iterator[Piece]:
    stage, kind = _PHASE_STAGES[phase.name]
    bucket = Bucket(call.client, stage, kind, call.peer)
    if phase.name != "wait" or not call.servers:
        yield Piece(phase.start, phase.end, bucket)
        return
    outliving = [server.start for server in call.servers if not awaited[server]]
    turn = max(phase.start, min([*outliving, phase.end]))
    yield from _way_there(call, Interval(phase.start, turn))
    if turn < phase.end:
        late = Bucket(call.client, "server outlived client", "server_outlived_client", call.peer)
        yield Piece(turn, phase.end, late)


def _way_there(call: Call, wait: Interval) -> Iterator[Piece]:
    """Yield the queue at the server, and the network around it."""
    network = Bucket(call.client, "network", "network", call.peer)
    queue = Bucket(call.client, "queue", "queue", call.peer)
    cursor = wait.start
    for start, end in queues(call, wait):
        if cursor < start:
            yield Piece(cursor, start, network)
        yield Piece(start, end, queue)
        cursor = end
    if cursor < wait.end:
        yield Piece(cursor, wait.end, network)


def _backoffs(parent: Node) -> list[Piece]:
    """Return the pauses between attempts: siblings with one target and a resend count (R6).

    What follows a redirect is sent again, too, but nothing backed off.
    """
    last_end: dict[str, int] = {}
    pieces: list[Piece] = []
    cursor = parent.start
    clients = [child for child in parent.children if child.span.kind is Kind.CLIENT]
    for child in sorted(clients, key=lambda child: (child.start, child.end)):
        target = conventions.target(child.span)
        if target is None:
            continue
        resent = _retries(child)
        before = max(last_end.get(target, child.start), cursor)
        if resent > 0 and before < child.start:
            bucket = Bucket(parent.span.service, "backoff", "backoff", target)
            pieces.append(Piece(before, child.start, bucket))
            cursor = child.start
        last_end[target] = max(child.end, last_end.get(target, child.end))
    return pieces


def _retries(node: Node) -> int:
    found = node.span.attributes
    redirects = conventions.number(found, REDIRECT) or 0
    return (conventions.number(found, HTTP_RESEND_COUNT) or 0) - redirects

"""The request as bars: spans depth-first, calls with their connection phases. Pure.

Everything is given; what fits on a screen is the renderer's affair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from analyzer import conventions
from analyzer.calls import Call
from analyzer.exceptions import error_name
from analyzer.phases import OK, Attempt
from analyzer.report import AFTER_RESPONSE, TimelineRow
from analyzer.service_facts import is_background
from analyzer.span import Kind, Status
from analyzer.trace import Node, Tree

_SHOWN_SHARE = 200
"""A phase is a row of its own from 1/200 of the total: 0.5 %."""
_OUTCOMES = {"timeout": "timed out", "cancelled": "cancelled", "ECONNREFUSED": "refused"}


def timeline(
    tree: Tree,
    calls: Mapping[Node, Call],
    on_path: Collection[Node],
    awaited: Mapping[Node, bool],
) -> tuple[TimelineRow, ...]:
    """Return the rows; *awaited* says of each span whether its parent waited for it (R4)."""
    rows: list[TimelineRow] = []
    tops = tree.root.children if tree.root.virtual else [tree.root]
    stack = [(node, 0) for node in _latest_first([*tops, *tree.orphans])]
    while stack:
        node, depth = stack.pop()
        call = calls.get(node)
        note = _note(tree, node, awaited[node])
        rows.append(_span_row(tree, node, depth, node in on_path, note))
        if call is not None:
            rows.extend(_phase_rows(tree, call, depth + 1, node in on_path))
        for child in _latest_first(node.children):
            # The called service stands below the call's phases, at the call's own depth.
            hop = call is not None and child.span.kind is Kind.SERVER
            stack.append((child, depth if hop else depth + 1))
    return tuple(rows)


def _latest_first(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (-node.start, node.end, node.span.span_id))


def _span_row(tree: Tree, node: Node, depth: int, on_path: bool, note: str) -> TimelineRow:
    span = node.span
    return TimelineRow(
        depth=depth,
        service=span.service,
        label=_label(tree, node),
        start_ns=node.start - tree.root.start,
        ns=node.duration,
        span_id=span.span_id,
        note=note,
        on_path=on_path,
        error=span.status is Status.ERROR,
    )


def _note(tree: Tree, node: Node, awaited: bool) -> str:
    if is_background(node):
        return AFTER_RESPONSE
    if not awaited:
        return "not waited for"
    return "parent missing" if _is_orphan(tree, node) else error_name(node.span)


def _is_orphan(tree: Tree, node: Node) -> bool:
    return node.parent is None and node is not tree.root


def _label(tree: Tree, node: Node) -> str:
    """Name a service where the request enters it, a call by its method, peer and path."""
    span = node.span
    begins = node is tree.root or (node.parent is tree.root and tree.root.virtual)
    if span.kind is Kind.SERVER or begins:
        return span.service
    if span.kind is not Kind.CLIENT:
        return span.name
    method = conventions.method(span)
    if method is None:
        return span.name
    servers = [child.span.service for child in node.children if child.span.kind is Kind.SERVER]
    peer = servers[0] if servers else conventions.target(span)
    return " ".join(part for part in (method, peer, conventions.path(span)) if part)


def _phase_rows(tree: Tree, call: Call, depth: int, on_path: bool) -> Iterator[TimelineRow]:
    least = tree.root.duration / _SHOWN_SHARE
    failed = any(attempt.outcome != OK for attempt in call.attempts)
    for phase in call.phases:
        if phase.name == "connect" and failed:
            for attempt in call.attempts:
                yield _attempt_row(tree, call, attempt, depth, on_path)
        elif phase.end - phase.start > least and not (phase.name == "wait" and call.servers):
            label = "pool wait" if phase.name == "pool" else phase.name
            yield _phase_row(
                tree, call, (phase.start, phase.end), label, phase.name, depth, on_path
            )


def _attempt_row(
    tree: Tree, call: Call, attempt: Attempt, depth: int, on_path: bool
) -> TimelineRow:
    label = f"connect {attempt.address}"
    note = "" if attempt.outcome == OK else _OUTCOMES.get(attempt.outcome, attempt.outcome)
    span = (attempt.start, attempt.end)
    return _phase_row(tree, call, span, label, "connect", depth, on_path, note)


def _phase_row(
    tree: Tree, call: Call, span: tuple[int, int], label: str, phase: str, depth: int,
    on_path: bool, note: str = "",
) -> TimelineRow:  # fmt: skip
    start, end = span
    return TimelineRow(
        depth=depth,
        service=call.client,
        label=label,
        start_ns=start - tree.root.start,
        ns=end - start,
        span_id=call.node.span.span_id,
        phase=phase,
        note=note,
        on_path=on_path,
    )

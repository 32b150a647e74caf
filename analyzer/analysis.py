"""Put the rules together: spans in, one report out. Pure; nothing here reads a store or prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer import adoption, breakdown, conventions, handover, skew, trace, twins
from analyzer.call_facts import call_facts
from analyzer.calls import Call, calls_of
from analyzer.critical_path import Overflow, PathSection, awaited, critical_path, listens
from analyzer.edges import edges
from analyzer.errors import BadInput
from analyzer.findings import History, Request, findings
from analyzer.milestones import milestones
from analyzer.phases import Interval
from analyzer.report import AFTER_RESPONSE, Finding, OffPath, Report, Root, Section
from analyzer.service_facts import ended, is_background, queued_ns, service_facts
from analyzer.span import Kind, Span
from analyzer.timeline import timeline
from analyzer.trace import Node, Tree
from analyzer.units import duration
from tracekit.attributes import DROPPED_SPANS

_MICROSECOND = 1_000
_NOT_AWAITED = "async, outlives its parent by {}"
_LISTENS = "listened for the client's leaving"
_ORPHAN = "its parent span is missing"
_CUT = "its parents form a cycle, which was cut here"
_OWN_PARENT = "it names itself as its parent"


def analyze(
    spans: Sequence[Span], *, overflow: Overflow = "async", history: History | None = None
) -> Report:
    """Return everything there is to say about one request.

    *spans* are all spans of the request, of one or several traces, in any order. *overflow* is R4:
    a child that outlives its parent is ``async`` (off the path) or cut (``truncate``). *history*
    lets findings weigh one request against the store. Raises BadInput without spans.
    """
    if not spans:
        raise BadInput("a request without spans cannot be analysed")
    tree = _tree(spans)
    tolerance = _tolerance(spans)
    path = critical_path(tree.root, overflow, tolerance)
    calls = calls_of(tree)
    request = Request(
        tree.root, tuple(calls.values()), _own_sections(path), history, overflow, tolerance,
        servers=[node for node in tree.nodes if node.span.kind is Kind.SERVER],
    )  # fmt: skip
    waited = {node: awaited(node, overflow, tolerance) for node in tree.nodes}
    return _report(tree, path, calls, waited, findings(request))


def _report(
    tree: Tree,
    path: Sequence[PathSection],
    calls: Mapping[Node, Call],
    waited: Mapping[Node, bool],
    found: tuple[tuple[Finding, ...], int],
) -> Report:
    """Return what the rules say of *tree*, each in the form that the reader gets."""
    first, start = tree.first, tree.root.start
    touched = {section.node for section in path}
    stages = breakdown.breakdown(path, calls, waited)
    return Report(
        request_id=_request_id(tree),
        trace_id=first.span.trace_id,
        root=Root(first.span.service, _name(tree)),
        start_unix_ns=start,
        total_ns=tree.root.duration,
        complete=tree.complete,
        status=conventions.status_code(first.span) if len(_requests(tree)) == 1 else None,
        services=_services(tree),
        milestones=milestones(tree.nodes, start),
        stages=stages,
        edges=edges(calls.values()),
        critical_path=tuple(_section(section, start) for section in path),
        spans_off_path=tuple(_off_path(tree, waited)),
        connection_overhead_ns=sum(s.ns for s in stages if s.kind in breakdown.OVERHEAD),
        findings=found[0],
        warnings=(*tree.warnings, *_dropped(tree)),
        timeline=timeline(tree, calls, touched, waited),
        hidden_findings=found[1],
        calls=call_facts(calls.values(), start, touched),
        rooted=tree.rooted,
        route_known=tree.rooted or first.span.kind is Kind.SERVER,
        service_facts=service_facts(tree, touched),
        ended=ended(first),
        queued_before_ns=queued_ns(first) if first.parent in (None, tree.root) else 0,
    )


def _tree(spans: Sequence[Span]) -> Tree:
    forest = trace.grow(spans)
    twins.fold(forest)
    skew.adjust(forest)
    adoption.adopt(forest)
    handover.hand_over(forest.nodes)
    return trace.plant(forest)


def _tolerance(spans: Iterable[Span]) -> int:
    """Return by how much rounding may make an awaited child outlive its parent, in nanoseconds.

    Formats with whole microseconds (Jaeger) cut start and duration apart: one microsecond.
    """
    rounded = all(s.start_ns % _MICROSECOND == s.end_ns % _MICROSECOND == 0 for s in spans)
    return _MICROSECOND if rounded else 0


def _own_sections(path: Iterable[PathSection]) -> dict[Node, list[Interval]]:
    sections: dict[Node, list[Interval]] = {}
    for node, start, end in path:
        sections.setdefault(node, []).append(Interval(start, end))
    return sections


def _off_path(tree: Tree, waited: Mapping[Node, bool]) -> Iterator[OffPath]:
    """Yield the spans that nobody waited for, in order of time, and why; not those below them."""
    reasons = {node: _unlinked(node, tree) for node in tree.orphans}
    for node in tree.nodes:
        if is_background(node):
            reasons[node] = AFTER_RESPONSE
        elif listens(node.span):
            reasons[node] = _LISTENS
        elif not waited[node] and node.parent is not None:
            reasons[node] = _NOT_AWAITED.format(duration(node.end - node.parent.end))
    for node, reason in sorted(reasons.items(), key=lambda item: item[0].start):
        span, start = node.span, node.start - tree.root.start
        yield OffPath(span.span_id, span.service, span.name, start, node.duration, reason)


def _unlinked(orphan: Node, tree: Tree) -> str:
    if orphan not in tree.cut:
        return _ORPHAN
    return _OWN_PARENT if orphan.span.parent_id == orphan.span.span_id else _CUT


def _section(section: PathSection, start: int) -> Section:
    span = section.node.span
    return Section(
        span.span_id, span.service, span.name, section.start - start, section.end - section.start
    )


def _requests(tree: Tree) -> set[str | None]:
    """Return the IDs of the requests that *tree* holds: several where it is a shared trace."""
    is_shared = tree.root.virtual and not tree.rooted
    tops = tree.root.children if is_shared else [tree.first]
    given: set[str | None] = {top.span.request_id for top in tops}
    return given - {None} or given


def _name(tree: Tree) -> str:
    several = len(_requests(tree))
    return conventions.display_name(tree.first.span) if several == 1 else f"{several} requests"


def _request_id(tree: Tree) -> str | None:
    if len(_requests(tree)) > 1:
        return None
    ids = (tree.first.span.request_id, *(node.span.request_id for node in tree.nodes))
    return next((request_id for request_id in ids if request_id is not None), None)


def _services(tree: Tree) -> tuple[str, ...]:
    ordered = sorted(tree.nodes, key=lambda node: (node.start, -node.end))
    return tuple(dict.fromkeys(node.span.service for node in ordered))


def _dropped(tree: Tree) -> list[str]:
    worst: dict[str, int] = {}
    for node in tree.nodes:
        dropped = conventions.number(node.span.resource, DROPPED_SPANS) or 0
        if dropped:
            worst[node.span.service] = max(dropped, worst.get(node.span.service, 0))
    return [
        f"{service} had dropped {count} spans by then: some of this request may be missing"
        for service, count in worst.items()
    ]

"""Which spans of a trace are one request's, where several requests share the trace. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter

from analyzer.span import Span

_Key = tuple[str, str]
"""A span's trace and its ID; of a trace as a whole the ID is empty."""


def part_of(spans: Sequence[Span], key: str) -> list[Span]:
    """Return *spans* without those of other requests than *key*, in the same order.

    A caller that is traced elsewhere, a browser's page or an agent's run, may make many requests in
    one trace: trees whose first parent is not in the store, each with a request ID of its own. Each
    such tree, and each trace that has its root in the store or one ID at most, belongs to the ID of
    its outermost span that has one; the view ``request_spans`` has the same rule. Where *key* is
    the ID of a part only, what has it in it is returned; where it is a trace's ID, everything.
    """
    trees = _trees(spans)
    owners = _owners(spans, trees)
    own = {tree for tree, owner in owners.items() if owner == key}
    own = own or {tree for span, tree in zip(spans, trees, strict=True) if span.request_id == key}
    return [span for span, tree in zip(spans, trees, strict=True) if not own or tree in own]


def partition(spans: Sequence[Span], keys: Sequence[str]) -> Iterator[list[Span]]:
    """Yield for each of *keys* its part of *spans*, which hold whole traces of many requests."""
    trees = _trees(spans)
    owners = _owners(spans, trees)
    owned: dict[str, list[Span]] = defaultdict(list)
    traces: dict[str, list[tuple[int, Span]]] = defaultdict(list)
    named: dict[str, set[str]] = defaultdict(set)
    for number, (span, tree) in enumerate(zip(spans, trees, strict=True)):
        traces[span.trace_id].append((number, span))
        if span.request_id is not None:
            named[span.request_id].add(span.trace_id)
        if tree in owners:
            owned[owners[tree]].append(span)
    for key in keys:
        if key in owned:
            yield owned[key]
            continue
        near = [one for trace in {key, *named.get(key, ())} for one in traces.get(trace, ())]
        near.sort(key=itemgetter(0))
        yield part_of([span for _, span in near], key)


def _trees(spans: Sequence[Span]) -> list[_Key]:
    """Return for each of *spans* the top of its tree, in a shared trace, or its trace."""
    shared, tops = _shared(spans), _tops(spans)
    return [tops[_key(span)] if span.trace_id in shared else (span.trace_id, "") for span in spans]


def _owners(spans: Sequence[Span], trees: Sequence[_Key]) -> dict[_Key, str]:
    """Return the request to which each of *trees* belongs, of those that have any ID."""
    first: dict[_Key, tuple[tuple[bool, int, int, int], str]] = {}
    for number, (span, tree) in enumerate(zip(spans, trees, strict=True)):
        if span.request_id is None:
            continue
        is_whole = not tree[1]
        is_inner = span.parent_id is not None if is_whole else _key(span) != tree
        rank = is_inner, span.start_ns, -span.duration_ns if is_whole else 0, number
        if tree not in first or rank < first[tree][0]:
            first[tree] = rank, span.request_id
    return {tree: owner for tree, (_, owner) in first.items()}


def _shared(spans: Sequence[Span]) -> set[str]:
    """Return the traces without a root in which there are several request IDs."""
    ids: dict[str, set[str]] = defaultdict(set)
    for span in spans:
        if span.request_id is not None:
            ids[span.trace_id].add(span.request_id)
    rooted = {span.trace_id for span in spans if span.parent_id is None}
    return {trace for trace, given in ids.items() if len(given) > 1} - rooted


def _tops(spans: Sequence[Span]) -> dict[_Key, _Key]:
    """Return the topmost known span above each, or itself."""
    parents = {_key(span): (span.trace_id, span.parent_id or "") for span in spans}
    tops: dict[_Key, _Key] = {}
    for key in parents:
        way: dict[_Key, None] = {}
        while key in parents and key not in tops and key not in way:
            way[key] = None
            top, key = key, parents[key]
        # A way that ends in itself is a cycle of parents, which the tree cuts.
        tops.update(dict.fromkeys(way, tops.get(key, top)))
    return tops


def _key(span: Span) -> _Key:
    return span.trace_id, span.span_id

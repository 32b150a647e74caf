"""Which spans of a trace are one request's, where several requests share the trace. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter

from analyzer.span import Span

_Key = tuple[str, str]
"""A span's trace and its ID."""


def part_of(spans: Sequence[Span], key: str) -> list[Span]:
    """Return *spans* without those of other requests than *key*, in the same order.

    A caller that is traced elsewhere, a browser's page or an agent's run, may make many requests in
    one trace: trees whose first parent is not in the store, each with a request ID of its own. Of
    such a trace a tree stays if a span of it has the request ID *key*. A trace with its root in the
    store, or with one ID at most, is one request; and all of a trace stays where *key* is no
    request ID but the trace's own. The view ``request_spans`` has the same rule.
    """
    shared = _shared(spans)
    if not shared or key not in {span.request_id for span in spans}:
        return list(spans)
    tops = _tops(spans)
    own = {tops[_key(span)] for span in spans if span.request_id == key}
    return [span for span in spans if span.trace_id not in shared or tops[_key(span)] in own]


def partition(spans: Sequence[Span], keys: Sequence[str]) -> Iterator[list[Span]]:
    """Yield for each of *keys* its part of *spans*, which hold whole traces of many requests."""
    traces: dict[str, list[tuple[int, Span]]] = defaultdict(list)
    named: dict[str, set[str]] = defaultdict(set)
    for number, span in enumerate(spans):
        traces[span.trace_id].append((number, span))
        if span.request_id is not None:
            named[span.request_id].add(span.trace_id)
    for key in keys:
        own = [one for trace in {key, *named.get(key, ())} for one in traces.get(trace, ())]
        own.sort(key=itemgetter(0))
        yield part_of([span for _, span in own], key)


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

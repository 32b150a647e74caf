"""Which spans of a trace are one request's, where several requests share the trace. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from analyzer.span import Span

_Key = tuple[str, str]
"""A span's trace and its ID."""


def part_of(spans: Sequence[Span], key: str) -> list[Span]:
    """Return *spans* without those of other requests than *key*, in the same order.

    A caller that is traced elsewhere, a browser's page or an agent's run, may make many requests in
    one trace: trees whose first parent is not in the store, each with a request ID of its own. A
    tree stays if a span of it has the request ID *key*, or none has any. A trace with its root in
    the store is one request, whatever IDs its services gave; and all of a trace stays where *key*
    is no request ID but the trace's own.
    """
    if key not in {span.request_id for span in spans}:
        return list(spans)
    tops = _tops(spans)
    ids: dict[_Key, set[str]] = defaultdict(set)
    for span in spans:
        if span.request_id is not None:
            ids[tops[_key(span)]].add(span.request_id)
    rooted = {span.trace_id for span in spans if span.parent_id is None}

    def is_own(span: Span) -> bool:
        of_tree = ids[tops[_key(span)]]
        return span.trace_id in rooted or not of_tree or key in of_tree

    return [span for span in spans if is_own(span)]


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

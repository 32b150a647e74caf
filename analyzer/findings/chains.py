"""Calls that belong together: which request was sent before this one, for the same call. Pure.

A client that retries or follows a redirect sends several requests, each a span with the count of
those before it. Spans do not name their predecessor: it is the latest sibling that had ended and
has the count before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from analyzer import conventions
from analyzer.calls import Call
from analyzer.trace import Node
from tracekit import attributes as a

ROUNDING_NS = 1_000_000
_LOOKED_AT = 50
_MOVED = (301, 302, 303, 307, 308)


def retried(calls: Iterable[Call]) -> dict[Call, Call]:
    """Return, of each call that was sent again unanswered, the one that it repeats."""
    return _linked(calls, lambda call: not conventions.answered(call.node.span), _same)


def redirected(calls: Iterable[Call]) -> dict[Call, Call]:
    """Return, of each call that follows a redirect, the one that was redirected."""

    def moved(call: Call) -> bool:
        return conventions.status_code(call.node.span) in _MOVED

    return _linked(calls, moved, lambda call, _: bool(call.number(a.REDIRECT)))


def _linked(
    calls: Iterable[Call], may_precede: Callable[[Call], bool], fits: Callable[[Call, Call], bool]
) -> dict[Call, Call]:
    links: dict[Call, Call] = {}
    seen: dict[tuple[Node | None, int], list[Call]] = {}
    for call in calls:
        sent = call.number(a.HTTP_RESEND_COUNT) or 0
        earlier = seen.get((call.node.parent, sent - 1), [])[-_LOOKED_AT:]
        for before in reversed(earlier):
            if before.node.own_end - ROUNDING_NS <= call.node.start and fits(call, before):
                links[call] = before
                break
        if may_precede(call):
            seen.setdefault((call.node.parent, sent), []).append(call)
    return links


def _same(call: Call, other: Call) -> bool:
    span, before = call.node.span, other.node.span
    return (
        call.target == other.target
        and conventions.method(span) == conventions.method(before)
        and conventions.path(span) == conventions.path(before)
    )

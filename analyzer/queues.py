"""When a call waited at its server before that took it up. Pure.

A queue is no span: the server says how long it was, and it ended where the server's span began. It
is part of what the client waited without the server at work, so it never exceeds that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.calls import Call
from analyzer.phases import Interval, union
from analyzer.service_facts import queued_ns
from analyzer.skew import one_clock


def queues(call: Call, wait: Interval) -> list[Interval]:
    """Return when, within *wait*, *call* was in the queue of a server; in order, disjoint.

    Two clocks say how long the server worked, not when: there what does not fit before its span
    lies after it.
    """
    found: list[Interval] = []
    busy = union(Interval(server.start, server.end) for server in call.servers)
    for server in call.servers:
        queued = queued_ns(server)
        before = _within(wait, server.start - queued, server.start)
        found.append(before)
        if queued and not one_clock(call.node.span, server.span):
            rest = queued - (before.end - before.start)
            found.append(_within(wait, server.end, server.end + rest))
    return list(_less(union(one for one in found if one.start < one.end), busy))


def queue_of(call: Call) -> tuple[Interval, ...]:
    """Return when *call* was in the queue of a server, as far as its waits hold that."""
    return tuple(one for wait in call.intervals("wait") for one in queues(call, wait))


def queue_ns(call: Call) -> int:
    """Return how long that was."""
    return sum(end - start for start, end in queue_of(call))


def _within(wait: Interval, start: int, end: int) -> Interval:
    first = min(max(start, wait.start), wait.end)
    return Interval(first, max(first, min(end, wait.end)))


def _less(intervals: Iterable[Interval], busy: list[Interval]) -> Iterator[Interval]:
    """Yield what of *intervals* no server was at work in; both in order and disjoint."""
    for interval in intervals:
        cursor = interval.start
        for start, end in busy:
            if start >= interval.end:
                break
            if cursor < start:
                yield Interval(cursor, start)
            cursor = max(cursor, end)
        if cursor < interval.end:
            yield Interval(cursor, interval.end)

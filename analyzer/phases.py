"""Read the connection phases and the addresses tried from a client span's attributes. Pure.

The attributes may come from anywhere: what is malformed is left out, what lies outside the span is
clipped, and what overlaps is cut, so that a breakdown made of phases always sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analyzer.span import AttributeValue
from analyzer.trace import Node
from tracekit import attributes as a

OPENING = ("dns", "connect", "proxy", "tls")
"""The phases that a reused connection skips."""
OK = "ok"


class Interval(NamedTuple):
    """A stretch of time in adjusted Unix nanoseconds."""

    start: int
    end: int


class Phase(NamedTuple):
    """A connection phase of one call, in adjusted Unix nanoseconds."""

    name: str
    start: int
    end: int


class Attempt(NamedTuple):
    """One address tried, in adjusted Unix nanoseconds; *outcome* as in ``ATTEMPT_OUTCOMES``."""

    address: str
    start: int
    end: int
    outcome: str


def phases_of(node: Node) -> tuple[Phase, ...]:
    """Return *node*'s phases in order of time: disjoint, within the node, none empty.

    A late body is a ``receive`` phase. Where two overlap, the one that began first keeps the time.
    """
    found = [*_measured(node), *_late(node)]
    found.sort(key=lambda phase: (phase.start, a.PHASES.index(phase.name)))
    disjoint: list[Phase] = []
    cursor = node.start
    for phase in found:
        start = max(phase.start, cursor)
        if start < phase.end:
            disjoint.append(Phase(phase.name, start, phase.end))
            cursor = phase.end
    return tuple(disjoint)


def attempts_of(node: Node) -> tuple[Attempt, ...]:
    """Return the addresses that *node*'s call tried, in order."""
    columns = [
        array(node.span.attributes.get(name))
        for name in (a.ATTEMPT_ADDRESSES, a.ATTEMPT_STARTS, a.ATTEMPT_ENDS, a.ATTEMPT_OUTCOMES)
    ]
    attempts = []
    for address, start, end, outcome in zip(*columns, strict=False):
        begin, finish = nanoseconds(start), nanoseconds(end)
        if isinstance(address, str) and begin is not None and finish is not None:
            clipped = _clip(node, begin, finish)
            attempts.append(Attempt(address, *clipped, str(outcome)))
    return tuple(attempts)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the time that any of *intervals* covers, without overlaps, in order."""
    covered: list[Interval] = []
    for interval in sorted(intervals):
        if covered and interval.start <= covered[-1].end:
            last = covered.pop()
            interval = Interval(last.start, max(last.end, interval.end))
        covered.append(interval)
    return covered


def overlap(first: Iterable[Interval], second: Iterable[Interval]) -> int:
    """Return how long both run at once; within each argument intervals must not overlap."""
    others = list(second)
    return sum(
        max(0, min(one.end, other.end) - max(one.start, other.start))
        for one in first
        for other in others
    )


def _measured(node: Node) -> Iterable[Phase]:
    for name in a.PHASES:
        value = array(node.span.attributes.get(a.phase(name)))
        if len(value) == 2:
            start, end = nanoseconds(value[0]), nanoseconds(value[1])
            if start is not None and end is not None:
                yield Phase(name, *_clip(node, start, end))


def _late(node: Node) -> Iterable[Phase]:
    for body in node.bodies:
        start = body.start_ns + node.shift
        yield Phase("receive", start, start + body.duration_ns)


def _clip(node: Node, start: int, end: int) -> Interval:
    """Turn nanoseconds from the span's start into times within the node."""
    low = min(max(node.start + start, node.start), node.end)
    return Interval(low, min(max(node.start + end, low), node.end))


def array(value: AttributeValue) -> Sequence[AttributeValue]:
    """Return *value* if it is an array, else an empty one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def nanoseconds(value: AttributeValue) -> int | None:
    """Return *value* as an integer; other exporters write doubles, and 64-bit integers as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if abs(value) < 2**63 else None
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 20:
        return int(value)
    return None

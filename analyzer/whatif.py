"""What the request would take if some time were gone: re-simulate, never subtract (R7). Pure.

Subtracting a span's time from the total over-promises wherever something ran beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analyzer.critical_path import Overflow, Window, blocking
from analyzer.phases import Interval, overlap
from analyzer.trace import Node

OwnTime = Callable[[Node, int, int], int]
"""How long a node's own work between two moments of the real run takes in the imagined one."""


def without(cuts: Mapping[Node, Sequence[Interval]]) -> OwnTime:
    """Return the own time of a run in which *cuts* did not happen; a node's must not overlap."""

    def own_time(node: Node, start: int, end: int) -> int:
        return end - start - overlap(cuts.get(node, ()), (Interval(start, end),))

    return own_time


def simulate(
    root: Node, own_time: OwnTime, overflow: Overflow = "async", tolerance: int = 0
) -> int:
    """Return the request's total in nanoseconds if every node's own time were *own_time*.

    A child starts a constant gap after the latest-ending sibling that had ended before it started,
    or, without one, at its offset in the parent; the parent's tail after its last child stays.
    """
    windows = [Window(root, root.start, root.end)]
    below: list[range] = []
    for window in windows:  # grows while it is walked: parents come before their children
        children = blocking(window, overflow, tolerance)
        below.append(range(len(windows), len(windows) + len(children)))
        windows.extend(children)
    durations = [0] * len(windows)
    for number in reversed(range(len(windows))):
        children_durations = {windows[child]: durations[child] for child in below[number]}
        durations[number] = _replay(windows[number], children_durations, own_time)
    return durations[0]


def _replay(parent: Window, children: Mapping[Window, int], own_time: OwnTime) -> int:
    """Return *parent*'s imagined length, given its children's."""
    ending = sorted(children, key=lambda window: window.end)
    ends: dict[Window, int] = {}
    done = before = 0
    latest = parent.start
    for child in sorted(children, key=lambda window: (window.start, window.end)):
        while ending[done].end <= child.start:
            latest, before = ending[done].end, max(before, ends[ending[done]])
            done += 1
        ends[child] = before + own_time(parent.node, latest, child.start) + children[child]
    last = ending[-1].end if ending else parent.start
    return max(ends.values(), default=0) + own_time(parent.node, last, parent.end)

"""Keep what tells of a long timeline and fold the rest into one line per parent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.report import TimelineRow


@dataclass(frozen=True)
class Folded:
    """Rows left out below one parent: how many, and their time (each row counted once)."""

    depth: int
    count: int
    ns: int


def collapse(rows: Sequence[TimelineRow], limit: int) -> list[TimelineRow | Folded]:
    """Return *rows* (depth-first) with about *limit* of them kept, the longest and the failed.

    The ancestors of a row that is kept are kept too, so the tree stays readable. What is left out
    is folded into one line at the end of its parent.
    """
    if len(rows) <= limit:
        return list(rows)
    parents = _parents(rows)
    kept = _most_telling(rows, parents, limit)
    homes = _homes(parents, kept)
    crowd = Counter(homes.values())
    # A line that says "and 1 more" takes the room of the row itself.
    alone = {index for index, home in homes.items() if crowd[home] == 1}
    return _fold(rows, parents, kept | alone)


def _parents(rows: Sequence[TimelineRow]) -> list[int]:
    """Return the index of each row's parent, -1 for a root."""
    parents: list[int] = []
    above: list[int] = []
    for index, row in enumerate(rows):
        while above and rows[above[-1]].depth >= row.depth:
            above.pop()
        parents.append(above[-1] if above else -1)
        above.append(index)
    return parents


def _most_telling(rows: Sequence[TimelineRow], parents: list[int], limit: int) -> set[int]:
    by_length = sorted(range(len(rows)), key=lambda index: -rows[index].ns)
    failed = [index for index in by_length if rows[index].error or rows[index].note]
    kept: set[int] = set()
    for index in [*failed[: limit // 4], *by_length]:
        needed = _with_ancestors(index, parents, kept, limit - len(kept))
        kept.update(needed)
        if len(kept) >= limit:
            break
    return kept


def _with_ancestors(index: int, parents: list[int], kept: set[int], room: int) -> list[int]:
    """Return the row and those of its ancestors not kept yet, or nothing if there is no room."""
    needed: list[int] = []
    while index != -1 and index not in kept:
        if len(needed) == room:
            return []
        needed.append(index)
        index = parents[index]
    return needed


def _homes(parents: list[int], kept: set[int]) -> dict[int, int]:
    """Return, for every row left out, the nearest ancestor that is kept (-1 for none)."""
    homes: dict[int, int] = {}
    for index, parent in enumerate(parents):
        if index not in kept:
            homes[index] = homes.get(parent, parent)
    return homes


def _fold(
    rows: Sequence[TimelineRow], parents: list[int], kept: set[int]
) -> list[TimelineRow | Folded]:
    lines: list[TimelineRow | Folded] = []
    above = [-1]
    left_out: dict[int, list[int]] = {}

    def close() -> None:
        home = above.pop()
        members = left_out.pop(home, [])
        if members:
            ns = sum(rows[member].ns for member in members if parents[member] == home)
            depth = rows[home].depth + 1 if home != -1 else 0
            lines.append(Folded(depth, len(members), ns))

    for index, row in enumerate(rows):
        while above[-1] != -1 and rows[above[-1]].depth >= row.depth:
            close()
        if index in kept:
            lines.append(row)
            above.append(index)
        else:
            left_out.setdefault(above[-1], []).append(index)
    while above:
        close()
    return lines

"""``tracekit compare`` as text: the two sides, their mix, a table of differences with verdicts."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from analyzer.compare import Comparison, Side
from analyzer.mix import are_alike, are_same
from analyzer.percentiles import FEWEST, METHOD
from analyzer.render.cells import shorten
from analyzer.render.compare_table import comparison_table
from analyzer.render.sections import ASIDE, prose
from analyzer.units import duration


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the comparison; on a wide terminal every number has a column of its own."""
    _print_sides(comparison, console)
    console.print()
    console.print(comparison_table(comparison.tested, console.width))
    _print_folded(comparison, console)
    _print_method(comparison, console)


def _print_sides(comparison: Comparison, console: Console) -> None:
    sides = f"{_side('before', comparison.before)}  →  {_side('after', comparison.after)}"
    prose(console, "", sides, indent=0, style="bold")
    before, after = comparison.mix_before, comparison.mix_after
    for what, one, other in (
        ("routes", before.routes, after.routes),
        ("statuses", before.statuses, after.statuses),
    ):
        if not are_alike(one, other):
            step = _next_step(one, other) if what == "routes" else ""
            words = f"! the {what} differ: {_change(one, other)}{step}"
            prose(console, "", words, indent=0, style="yellow")
    prose(console, "", _mix_line(comparison), indent=0, style=ASIDE)


def _side(which: str, side: Side) -> str:
    count = len(side.reports)
    newest = "the newest " if side.left_out else ""
    return f"{which} ({side.name}, {newest}{count} request{'' if count == 1 else 's'})"


def _change(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    return f"{_counts(before, after)} → {_counts(after, before)}"


def _next_step(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Say how to compare like with like, where there is like."""
    if before.keys() & after.keys():
        return ". Compare one of them: --route ROUTE"
    return ". No route is on both sides"


def _counts(counts: Mapping[str, int], others: Mapping[str, int]) -> str:
    """Name the three that tell most: those that the other side lacks before the frequent ones."""
    most = sorted(counts.items(), key=lambda item: (item[0] in others, -item[1]))
    shown = [f"{count} × {shorten(name, 40)}" for name, count in most[:3]]
    return ", ".join(shown) + (f" and {len(most) - 3} more" if len(most) > 3 else "")


def _mix_line(comparison: Comparison) -> str:
    before, after = comparison.mix_before, comparison.mix_after
    parts = []
    for what, one, other in (
        ("routes", before.routes, after.routes),
        ("statuses", before.statuses, after.statuses),
    ):
        if are_same(one, other):
            parts.append(f"same {what}")
        elif are_alike(one, other):
            hint = " (--route compares one)" if what == "routes" else ""
            parts.append(f"{what} {_change(one, other)}{hint}")
    if before.known or after.known:
        reuse = f"{before.reused} of {before.known} → {after.reused} of {after.known}"
        parts.append(f"connections reused {reuse}")
    if abs(before.concurrency - after.concurrency) >= 0.1:
        parts.append(f"{before.concurrency:.1f} → {after.concurrency:.1f} requests at once")
    return " · ".join(parts)


def _print_folded(comparison: Comparison, console: Console) -> None:
    one_sided = [row for row in comparison.folded if not (row.before.values and row.after.values)]
    for row in one_sided:
        name = row.measure.name
        requests = f"{row.before.n} request{'' if row.before.n == 1 else 's'}"
        words = f"◆ {name} was reached by {requests} before and {row.after.n} after"
        prose(console, "", words, indent=0)
    small = [row for row in comparison.folded if row not in one_sided]
    if small:
        largest = max(abs(row.after.mean - row.before.mean) for row in small)
        count = len(small)
        words = (
            f"… and {count} smaller row{'' if count == 1 else 's'}, not tested; no mean moved by "
            f"more than {duration(largest)} (--json has them all)"
        )
        prose(console, "", words, indent=0, style=ASIDE)


def _print_method(comparison: Comparison, console: Console) -> None:
    console.print()
    adjusted = len(comparison.tested) - 1
    sentences = [
        f"Percentiles by {METHOD}. Difference: Hodges–Lehmann shift; verdicts need Mann–Whitney "
        f"p < .05{f', Holm-adjusted across {adjusted} rows' if adjusted > 1 else ''}.",
        _too_few(comparison),
    ]
    prose(console, "", " ".join(filter(None, sentences)), indent=0, style=ASIDE)


def _too_few(comparison: Comparison) -> str:
    """Say what so few requests cannot know."""
    fewest = min(len(comparison.before.reports), len(comparison.after.reports))
    if fewest < FEWEST[50]:
        return f"The interval of a median needs {FEWEST[50]} requests a side, a p95 {FEWEST[95]}."
    return f"A p95 needs {FEWEST[95]} requests a side." if fewest < FEWEST[95] else ""

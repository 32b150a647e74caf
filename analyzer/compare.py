"""Two sets of requests, row by row: total, hand-offs, milestones, stages, with verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.measures import TOTAL, Measure, Samples, samples
from analyzer.mix import Mix, mix_of
from analyzer.percentiles import Summary, p95_difference, summarize
from analyzer.report import Report
from analyzer.shift import Shift, holm, shift
from analyzer.verdict import Verdict, decide, smallest_that_matters

MOST_TESTED = 12
"""Rows that get a verdict besides the total: the largest ones."""
LEAST_TESTED = 0.01
"""Share of the mean total below which a row is not tested."""


@dataclass(frozen=True)
class Side:
    """One set of requests in the order of time; *name* says how they were chosen.

    *left_out* is true when there were more than were read.
    """

    name: str
    reports: Sequence[Report]
    left_out: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a comparison, in nanoseconds.

    *found*, *p_adjusted* and *verdict* are None where the row was not tested: too small a part of
    the total, or a milestone that one side never reached. *p95_interval* bounds the difference of
    the 95th percentiles where both are known.
    """

    measure: Measure
    before: Summary
    after: Summary
    found: Shift | None = None
    p_adjusted: float | None = None
    verdict: Verdict | None = None
    p95_interval: tuple[float, float] | None = None

    @property
    def size(self) -> float:
        """Return how large the row is on both sides together, whatever their difference."""
        return self.before.mean + self.after.mean


@dataclass(frozen=True)
class Comparison:
    """What ``tracekit compare`` says. *tested* begins with the total; *folded* has no verdicts.

    Both have their rows in the order of their size, the largest first.
    """

    before: Side
    after: Side
    mix_before: Mix
    mix_after: Mix
    tested: tuple[Row, ...]
    folded: tuple[Row, ...]


def compare(before: Side, after: Side) -> Comparison:
    """Compare two sides of at least one request each.

    Rows are chosen for testing by their size on both sides together, not by their difference, so
    that the choice favours no verdict; Holm's adjustment runs across them. The total is the one
    question asked beforehand and needs no adjustment.
    """
    measured = samples(before.reports, after.reports)
    rows = {measure: _row(measure, values) for measure, values in measured.items()}
    total = rows.pop(TOTAL)
    chosen = _chosen(list(rows.values()), total.size)
    folded = [row for measure, row in rows.items() if measure not in {c.measure for c in chosen}]
    return Comparison(
        before=before,
        after=after,
        mix_before=mix_of(before.reports),
        mix_after=mix_of(after.reports),
        tested=(*_tested([total], measured), *_tested(chosen, measured)),
        folded=tuple(sorted(folded, key=lambda row: -row.size)),
    )


def _row(measure: Measure, values: Samples) -> Row:
    return Row(
        measure,
        summarize(values.before, values.n_before),
        summarize(values.after, values.n_after),
    )


def _chosen(rows: Sequence[Row], total_size: float) -> list[Row]:
    able = [row for row in rows if row.before.values and row.after.values]
    large = [row for row in able if row.size >= LEAST_TESTED * total_size]
    return sorted(large, key=lambda row: -row.size)[:MOST_TESTED]


def _tested(rows: Sequence[Row], measured: dict[Measure, Samples]) -> list[Row]:
    """Return *rows*, one family of questions, with their verdicts."""
    found = [shift(measured[row.measure].before, measured[row.measure].after) for row in rows]
    adjusted = holm([result.p for result in found])
    return [
        _with_verdict(row, measured[row.measure], result, p)
        for row, result, p in zip(rows, found, adjusted, strict=True)
    ]


def _with_verdict(row: Row, values: Samples, found: Shift, p_adjusted: float) -> Row:
    fewest = min(len(values.before), len(values.after))
    delta = smallest_that_matters(row.before.p50 or 0.0)
    return Row(
        row.measure,
        row.before,
        row.after,
        found,
        p_adjusted,
        decide(found, p_adjusted, delta, fewest),
        p95_difference(values.before, values.after),
    )

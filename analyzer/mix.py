"""What kind of requests a side is made of: compared first, because apples are not slower pears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analyzer.report import Report

TOLERANCE = 0.1
"""Two sides are alike in routes or statuses when no share differs by more than this."""


@dataclass(frozen=True)
class Mix:
    """Requests by route and by status; how their calls got connections; how many ran at once."""

    routes: Mapping[str, int]
    statuses: Mapping[str, int]
    reused: int
    known: int
    concurrency: float


def mix_of(reports: Sequence[Report]) -> Mix:
    """Return the mix of a side's requests."""
    edges = [edge for report in reports for edge in report.edges]
    return Mix(
        routes=_counts(f"{report.root.service} {report.root.name}" for report in reports),
        statuses=_counts(str(report.status or "none") for report in reports),
        reused=sum(edge.reused for edge in edges),
        known=sum(edge.reused + edge.new_connections for edge in edges),
        concurrency=_concurrency(reports),
    )


def are_alike(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Return whether every name has nearly the same share on both sides."""
    shares = [
        {name: count / sum(side.values()) for name, count in side.items()}
        for side in (before, after)
    ]
    names = {*before, *after}
    return all(abs(shares[0].get(n, 0) - shares[1].get(n, 0)) <= TOLERANCE for n in names)


def are_same(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Return whether both sides have the very same names, each with nearly the same share."""
    return before.keys() == after.keys() and are_alike(before, after)


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names))


def _concurrency(reports: Sequence[Report]) -> float:
    """Return how many requests ran at once on average, over the time when any ran."""
    busy = end = 0
    for report in sorted(reports, key=lambda report: report.start_unix_ns):
        finish = report.start_unix_ns + report.total_ns
        busy += max(0, finish - max(end, report.start_unix_ns))
        end = max(end, finish)
    return sum(report.total_ns for report in reports) / busy if busy else 0.0

"""What a comparison measures in each request: its total, hand-offs, milestones and stages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analyzer.report import Report

MeasureKind = Literal["total", "handoff", "milestone", "stage"]


@dataclass(frozen=True)
class Measure:
    """What is measured. A hand-off has a service and a peer; a stage of a call has a peer too."""

    kind: MeasureKind
    service: str = ""
    name: str = ""
    peer: str | None = None


TOTAL = Measure("total")


@dataclass(frozen=True)
class Samples:
    """One measure on both sides, in nanoseconds and in the order of time.

    *n_before* and *n_after* are how many requests really have it.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    n_before: int
    n_after: int


def samples(before: Sequence[Report], after: Sequence[Report]) -> dict[Measure, Samples]:
    """Return every measure that occurs on either side.

    A stage or hand-off counts as 0 ns in a request without it, so that its numbers are what it
    costs per request. A milestone counts only in the requests that reached it.
    """
    taken_before = [measures(report) for report in before]
    taken_after = [measures(report) for report in after]
    occurring = dict.fromkeys(m for taken in (*taken_before, *taken_after) for m in taken)
    return {
        measure: Samples(
            before=_values(measure, taken_before),
            after=_values(measure, taken_after),
            n_before=sum(measure in taken for taken in taken_before),
            n_after=sum(measure in taken for taken in taken_after),
        )
        for measure in occurring
    }


def measures(report: Report) -> Mapping[Measure, int]:
    """Return what one request measures, in nanoseconds."""
    taken: dict[Measure, int] = defaultdict(int)
    taken[TOTAL] = report.total_ns
    for edge in report.edges:
        if edge.handoff_ns is not None:
            taken[Measure("handoff", edge.client, peer=edge.server)] += edge.handoff_ns
    for stage in report.stages:
        taken[Measure("stage", stage.service, stage.stage, stage.peer)] += stage.ns
    for mark in report.milestones:
        measure = Measure("milestone", mark.service, mark.name)
        # Said twice, a milestone was reached the first time.
        taken[measure] = min(mark.at_ns, taken.get(measure, mark.at_ns))
    return taken


def _values(measure: Measure, side: Sequence[Mapping[Measure, int]]) -> tuple[int, ...]:
    if measure.kind == "milestone":
        return tuple(taken[measure] for taken in side if measure in taken)
    return tuple(taken.get(measure, 0) for taken in side)

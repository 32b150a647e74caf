"""Where the time went: the stages of the critical path, which sum to the total."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from analyzer.render import bars
from analyzer.render.cells import shorten, width_of
from analyzer.render.sections import ASIDE, heading, table
from analyzer.report import Report, Stage
from analyzer.service_facts import BY_KERNEL
from analyzer.units import column, duration, percent, roughly

ROWS = 14
"""Stages shown one by one; those after them are summed in one line."""

_NOTICEABLE_NS = 1_000_000
_BESIDE_NAMES_AND_BAR = 9 + 9 + 8  # the time, the share, and the gaps between the columns


def print_breakdown(report: Report, console: Console) -> None:
    """Print the stages, largest first, then what no stage covers, then the total."""
    named = [stage for stage in report.stages if stage.kind != "unattributed"]
    rest = sum(stage.ns for stage in report.stages if stage.kind == "unattributed")
    shown, folded = _split(named)
    heading(console, f"Where {duration(report.total_ns)} went", "critical path, sums to the total")
    who, what = _name_widths(shown, console.width)
    largest = max([1, rest, *(stage.ns for stage in shown)])
    bar = max(4, console.width - who - what - _BESIDE_NAMES_AND_BAR)
    made = table(("", "left"), ("", "left"), ("", "right"), ("", "right"), ("", "left"))

    def add(first: str, second: str, ns: int, style: str = "") -> None:
        share = ns / report.total_ns if report.total_ns else 0.0
        drawn = Text(bars.share_bar(ns / largest, bar), style="cyan")
        cells = (shorten(first, who), shorten(second, what))
        made.add_row(*map(Text, (*cells, column(ns), percent(share))), drawn, style=style)

    for stage in shown:
        add(parties(stage), stage.stage, stage.ns)
    if folded:
        add(f"… and {len(folded)} more", "", sum(stage.ns for stage in folded), ASIDE)
    if rest:
        add("not accounted for", "", rest)
    console.print(made)
    if report.queued_before_ns >= _NOTICEABLE_NS:
        _print_queue(report, console)


def _print_queue(report: Report, console: Console) -> None:
    ns = report.queued_before_ns
    told = next((s.queue_source for s in report.service_facts if s.queued_ns == ns), None)
    waited = f"  waited {roughly(ns) if told == BY_KERNEL else duration(ns)} before"
    rest = "took it up, not in the total"
    service = shorten(report.root.service, console.width - len(waited) - len(rest) - 2)
    console.print(Text(f"{waited} {service} {rest}", style=ASIDE), no_wrap=True, overflow="crop")


def parties(stage: Stage) -> str:
    """Return who spent the time: a service, or for a call both sides of it."""
    return f"{stage.service} → {stage.peer}" if stage.peer else stage.service


def _split(stages: Sequence[Stage]) -> tuple[Sequence[Stage], Sequence[Stage]]:
    """Fold what is past the limit, unless that is a single stage, whose line is as short."""
    limit = ROWS if len(stages) > ROWS + 1 else len(stages)
    return stages[:limit], stages[limit:]


def _name_widths(stages: Sequence[Stage], width: int) -> tuple[int, int]:
    who = max([len("not accounted for"), *(width_of(parties(stage)) for stage in stages)])
    what = max([0, *(width_of(stage.stage) for stage in stages)])
    return min(who, width * 3 // 8), min(what, width // 4)

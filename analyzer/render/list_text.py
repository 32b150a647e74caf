"""``tracekit list`` as text: one line per request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from analyzer.render import bars
from analyzer.render.cells import shorten
from analyzer.render.moments import short_clock
from analyzer.render.sections import table
from analyzer.report import Report
from analyzer.requests import RequestRow, short_id
from analyzer.units import column, percent

_WIDE = 100
_BAR = 10


@dataclass(frozen=True)
class Listed:
    """A request of the list and what its analysis says."""

    row: RequestRow
    report: Report

    @property
    def connection_share(self) -> float:
        """Return which part of the total the connections cost on the critical path."""
        total = self.report.total_ns
        return self.report.connection_overhead_ns / total if total else 0.0


def print_list(requests: Sequence[Listed], console: Console) -> None:
    """Print the requests in the given order; the first column is what ``analyze`` takes."""
    wide = console.width >= _WIDE
    made = table(
        ("ID", "left"),
        ("when", "left"),
        ("route", "left"),
        ("total", "right"),
        ("connection", "left" if wide else "right"),
        ("status", "left"),
        ("finding", "left"),
    )
    for listed in requests:
        made.add_row(*_cells(listed, console.width), style="red" if listed.row.error else "")
    console.print(made)


def _cells(listed: Listed, width: int) -> tuple[Text, ...]:
    row, report = listed.row, listed.report
    route = shorten(f"{row.service} {row.name}", max(14, width // 3 - 12))
    overhead = percent(listed.connection_share)
    if width >= _WIDE:
        bar = bars.share_bar(listed.connection_share, _BAR)
        ns = report.connection_overhead_ns
        overhead = f"{column(ns):>7} {bar:<{_BAR}} {overhead:>7}" if ns else "      –"
    texts = (
        shorten(short_id(row.request_id), 20),
        short_clock(row.start_ns),
        route,
        column(report.total_ns),
        overhead,
        _status(row),
        finding_of(report) or "–",
    )
    return tuple(map(Text, texts))


def _status(row: RequestRow) -> str:
    if row.status is not None:
        return str(row.status)
    return "error" if row.error else "–"


def finding_of(report: Report) -> str | None:
    """Return the most costly finding in two or three words, or None."""
    if not report.findings:
        return None
    return report.findings[0].rule.replace("-", " ")

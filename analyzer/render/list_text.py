"""``tracekit list`` as text: one line per request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from rich.console import Console
from rich.text import Text

from analyzer.render import bars
from analyzer.render.cells import shorten, width_of
from analyzer.render.moments import one_day, short_clock
from analyzer.render.sections import table
from analyzer.report import Report
from analyzer.requests import SHOWN_WHOLE, RequestRow, short_id
from analyzer.units import column, percent

_BAR = 10
_GAP = 2
_WIDE_ROOM, _LEAST_ROOM = 32, 18
"""Columns for route and finding below which the bars go, and then whole columns."""
_FEWER_WORDS = {"no-connection-reuse": "no reuse", "no-address-answers": "no answer"}


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


@dataclass(frozen=True)
class _Column:
    title: str
    texts: Sequence[str]
    justify: Literal["left", "right"] = "left"

    @property
    def width(self) -> int:
        return max(map(width_of, (self.title, *self.texts)))

    def within(self, width: int) -> _Column:
        return _Column(self.title, [shorten(text, width) for text in self.texts], self.justify)


def print_list(requests: Sequence[Listed], console: Console) -> None:
    """Print the requests in the given order; the first column is what ``analyze`` takes.

    Route and finding share the room that the others leave. Where that is little, the connection's
    bar, then its share, then the status are left out: an ID, a time or a total is never cut.
    """
    columns = _columns(requests, wide=True)
    if _room(columns, console.width) < _WIDE_ROOM:
        columns = _columns(requests, wide=False)
    for title in ("connection", "status"):
        if _room(columns, console.width) < _LEAST_ROOM:
            del columns[title]
    room = _room(columns, console.width)
    finding = min(columns["finding"].width, max(room // 2, room - columns["route"].width))
    columns["route"] = columns["route"].within(max(1, room - finding))
    columns["finding"] = columns["finding"].within(max(1, finding))
    made = table(*((one.title, one.justify) for one in columns.values()))
    for listed, *texts in zip(requests, *(one.texts for one in columns.values()), strict=True):
        made.add_row(*map(Text, texts), style="red" if listed.row.error else "")
    console.print(made)


def _columns(requests: Sequence[Listed], *, wide: bool) -> dict[str, _Column]:
    """Return the columns with all that there is to say, by name."""
    rows = [listed.row for listed in requests]
    today = datetime.now().date()
    day = one_day(row.start_ns for row in rows)
    ids = [shorten(short_id(row.request_id), 2 * SHOWN_WHOLE) for row in rows]
    times = [short_clock(row.start_ns, today=day or today) for row in rows]
    return {
        "ID": _Column("ID", ids),
        "when": _Column(_when(day, today), times),
        "route": _Column("route", [_route(one) for one in requests]),
        "total": _Column("total", [_total(one.report) for one in requests], "right"),
        "connection": _connection(requests, wide=wide),
        "status": _Column("status", [_status(one) for one in requests]),
        "finding": _Column("finding", [_finding(one.report, wide=wide) for one in requests]),
    }


def _room(columns: dict[str, _Column], width: int) -> int:
    """Return how many columns of the terminal are left for route and finding."""
    others = sum(one.width for name, one in columns.items() if name not in ("route", "finding"))
    return width - others - _GAP * (len(columns) - 1)


def _when(day: date | None, today: date) -> str:
    """Return the title of the times: the day, where it is another than today for all of them."""
    return "when" if day in (None, today) else f"{day:%b %d}"


def _connection(requests: Sequence[Listed], *, wide: bool) -> _Column:
    if not wide:
        return _Column("conn.", [percent(one.connection_share) for one in requests], "right")
    texts = []
    for listed in requests:
        ns = listed.report.connection_overhead_ns
        bar = bars.share_bar(listed.connection_share, _BAR)
        share = percent(listed.connection_share)
        texts.append(f"{column(ns):>7} {bar:<{_BAR}} {share:>7}" if ns else "      –")
    return _Column("connection", texts)


def _total(report: Report) -> str:
    total = column(report.total_ns)
    return total if report.rooted else f"≥ {total}"


def _route(listed: Listed) -> str:
    name = listed.row.name if listed.report.route_known else "…"
    return f"{listed.row.service} {name}"


def _status(listed: Listed) -> str:
    row = listed.row
    if not listed.report.route_known:
        return "–"
    if listed.report.ended == "client left":
        return "left" if row.status is None else f"{row.status}, left"
    if row.status is not None:
        return str(row.status)
    return "error" if row.error else "–"


def _finding(report: Report, *, wide: bool) -> str:
    """Return the most costly finding in two or three words; that spans are missing; or a dash."""
    if not report.findings:
        return "–" if report.rooted else "incomplete"
    rule = report.findings[0].rule
    words = rule.replace("-", " ")
    return words if wide else _FEWER_WORDS.get(rule, words)

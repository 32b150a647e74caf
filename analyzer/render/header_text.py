"""The first lines of a report: which request, through which services, how long, when."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.render.cells import shorten
from analyzer.render.moments import clock
from analyzer.render.safe import printable
from analyzer.render.sections import ASIDE
from analyzer.report import Report
from analyzer.units import duration

_MOST_SERVICES = 6


def print_header(report: Report, console: Console, *, short_id: str) -> None:
    """Print the request on one line where it fits, else on two, and its full ids below."""
    name = Text().append(printable(short_id), style="bold cyan").append("  ")
    name.append(shorten(report.root.name, console.width // 2), style="bold")
    path = Text(_path(report.services))
    facts = _facts(report)
    room = console.width - cell_len(name.plain) - cell_len(path.plain) - cell_len(facts.plain)
    if room >= 6:
        gap = " " * (room - 3)
        console.print(name.append("   ").append_text(path).append(gap).append_text(facts))
    else:
        console.print(_spread(name, facts, console.width), no_wrap=True, overflow="ellipsis")
        console.print(Text("  ").append_text(path), no_wrap=True, overflow="ellipsis")
    _print_ids(report, console, short_id)


def _print_ids(report: Report, console: Console, short_id: str) -> None:
    """Print what can be copied elsewhere; the trace only where the line has room for it."""
    trace = f"   trace {report.trace_id}"
    line = f"  request {printable(report.request_id or '')}"
    if report.request_id in (None, short_id):
        line = ""
    if len(line) + len(trace) <= console.width and report.trace_id != short_id:
        line = f"{line}{trace}" if line else trace[1:]
    if line:
        console.print(Text(line, style=ASIDE), no_wrap=True, overflow="fold")


def _spread(left: Text, right: Text, width: int) -> Text:
    gap = max(2, width - cell_len(left.plain) - cell_len(right.plain))
    return left.append(" " * gap).append_text(right)


def _facts(report: Report) -> Text:
    facts = Text().append(duration(report.total_ns), style="bold")
    facts.append("   " + clock(report.start_unix_ns, milliseconds=True))
    if report.status is not None:
        facts.append(f"   {report.status}", style="red" if report.status >= 500 else "")
    if report.ended == "client left":
        facts.append("   client left", style="yellow")
    if not report.complete:
        facts.append("   incomplete", style="yellow")
    return facts


def _path(services: tuple[str, ...]) -> str:
    shown = [shorten(service, 24) for service in services[:_MOST_SERVICES]]
    if len(services) > _MOST_SERVICES:
        shown.append(f"{len(services) - _MOST_SERVICES} more")
    return " → ".join(shown)

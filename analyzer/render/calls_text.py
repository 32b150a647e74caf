"""Outgoing calls: of each its connection, its phases, its stream, and where in the code it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.facts import CallFacts
from analyzer.quality import quality_of
from analyzer.render.call_lines import lines_of
from analyzer.render.cells import shorten
from analyzer.render.safe import printable
from analyzer.render.sections import ASIDE, heading
from analyzer.report import Report
from analyzer.units import column

MOST = 6
MOST_TROUBLED = 3
LEAST_SHARE = 0.01
_INDENT = 10
_MARKS = {"derived": "~ derived", "inferred": "? inferred"}


def print_calls(report: Report, console: Console, *, all_calls: bool = False) -> None:
    """Print the calls that matter, or all; in order of time."""
    if not report.calls:
        return
    shown = report.calls if all_calls else telling(report)
    heading(console, "Calls", _legend(shown))
    for call in shown:
        _print_title(call, console)
        for label, items in lines_of(call):
            _print_items(label, items, console)
    left_out = len(report.calls) - len(shown)
    if left_out:
        more = "call" if left_out == 1 else "calls"
        console.print(Text(f" … and {left_out} more {more} (--calls shows all)", style=ASIDE))


def telling(report: Report) -> tuple[CallFacts, ...]:
    """Return the few calls worth a look: those with trouble, then those on the path, the longest.

    What is sound and takes under 1 % of the request is not, unless there is nothing else.
    """

    def rank(call: CallFacts) -> tuple[bool, int]:
        return not call.on_path, -call.ns

    least = report.total_ns * LEAST_SHARE
    ranked = sorted(report.calls, key=rank)
    troubled = [call for call in ranked if call.is_troubled]
    chosen = troubled[:MOST_TROUBLED]
    chosen += [call for call in ranked if call.ns >= least and call not in chosen]
    chosen += [call for call in troubled if call not in chosen]
    return tuple(sorted(chosen[:MOST] or ranked[:1], key=lambda call: call.start_ns))


def _legend(calls: Iterable[CallFacts]) -> str:
    used = {quality for call in calls for quality in quality_of(call).values()}
    marks = [mark for quality, mark in _MARKS.items() if quality in used]
    return ", ".join([*marks, "the rest measured"]) if marks else ""


def _print_title(call: CallFacts, console: Console) -> None:
    """Print who called whom for what; the time and the status flush right."""
    facts = Text(column(call.ns), style="bold")
    facts.append(f" {_outcome(call):>6}", style="bold red" if _failed(call) else "not bold")
    what = " ".join(part for part in (call.method, call.path) if part)
    name = shorten(f"{call.client} → {call.server}  {what}", console.width - len(facts) - 3)
    gap = max(1, console.width - 1 - cell_len(name) - len(facts))
    console.print(Text(f" {name}", "bold").append(" " * gap).append_text(facts), no_wrap=True)


def _outcome(call: CallFacts) -> str:
    if call.status is not None:
        return str(call.status)
    return "failed" if call.error is not None else ""


def _failed(call: CallFacts) -> bool:
    return call.error is not None or (call.status or 0) >= 400


def _print_items(label: str, items: Sequence[str], console: Console) -> None:
    """Print *items* with dots between them; a line breaks between two items, never inside one."""
    lead, line = f"    {label:<6}", ""
    for item in map(printable, items):
        joined = f"{line} · {item}" if line else item
        if line and _INDENT + cell_len(joined) > console.width:
            _print_line(lead, line, console)
            lead, joined = " " * _INDENT, item
        line = joined
    _print_line(lead, line, console)


def _print_line(lead: str, line: str, console: Console) -> None:
    style = "red" if lead.strip() == "error" else ""
    text = Text(lead, style=ASIDE).append(line, style=f"not dim {style}")
    console.print(text, no_wrap=True, overflow="fold")

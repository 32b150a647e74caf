"""Outgoing calls: of each its connection, its phases, its stream, and where in the code it is."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.facts import CallFacts
from analyzer.render.call_lines import lines_of
from analyzer.render.cells import shorten
from analyzer.render.items import legend, print_items
from analyzer.render.sections import ASIDE, heading
from analyzer.report import Report
from analyzer.units import column

MOST = 6
MOST_TROUBLED = 3
LEAST_SHARE = 0.01


def print_calls(report: Report, console: Console, *, all_calls: bool = False) -> None:
    """Print the calls that matter, or all; in order of time."""
    if not report.calls:
        return
    shown = report.calls if all_calls else telling(report)
    heading(console, "Calls", legend(shown))
    for call in shown:
        _print_title(call, console)
        for label, items in lines_of(call):
            print_items(label, items, console)
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

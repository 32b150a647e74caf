"""Each service's own side: what came before its work, what it sent and how, and how it ended."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.render.cells import shorten
from analyzer.render.items import Line, legend_of, print_items, room_for_items
from analyzer.render.sections import ASIDE, heading
from analyzer.render.service_lines import lines_of
from analyzer.report import Report
from analyzer.service import ServiceFacts
from analyzer.units import column

MOST = 6
_QUOTED = ("end", "at", "stage", "after")
"""Lines that quote the service, whose signs are no marks of ours."""
_Told = tuple[ServiceFacts, list[Line]]


def print_services(report: Report, console: Console, *, all_services: bool = False) -> None:
    """Print the services with something to tell, or all of them; in order of time."""
    room = room_for_items(console)
    told = [
        (one, lines_of(one, everything=all_services, room=room)) for one in report.service_facts
    ]
    told = [(one, lines) for one, lines in told if lines]
    shown = told if all_services else _longest(told)
    if not shown:
        return
    items = [
        item for _, lines in shown for label, said in lines for item in said if label not in _QUOTED
    ]
    heading(console, "Services", legend_of(items))
    for service, lines in shown:
        _print_title(service, console)
        for label, said in lines:
            print_items(label, said, console)
    left_out = len(told) - len(shown)
    if left_out:
        console.print(Text(f" … and {left_out} more (--calls shows all)", style=ASIDE))


def _outcome(service: ServiceFacts) -> str:
    if service.ended == "client left":
        return "left"
    if service.status is not None:
        return str(service.status)
    return "failed" if service.error is not None else ""


def _longest(told: list[_Told]) -> list[_Told]:
    ranked = sorted(told, key=lambda one: (not one[0].on_path, -one[0].ns))
    return sorted(ranked[:MOST], key=lambda one: one[0].start_ns)


def _print_title(service: ServiceFacts, console: Console) -> None:
    """Print the service and what it was asked for; the time and the status flush right."""
    failed = service.error is not None or (service.status or 0) >= 400
    facts = Text(column(service.ns), style="bold")
    facts.append(f" {_outcome(service):>6}", style="bold red" if failed else "not bold")
    name = shorten(f"{service.service}  {service.name}", console.width - len(facts) - 3)
    gap = max(1, console.width - 1 - cell_len(name) - len(facts))
    console.print(Text(f" {name}", "bold").append(" " * gap).append_text(facts), no_wrap=True)

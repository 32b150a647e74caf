"""The causes found: what it is, what it costs, what shows it, where it is, and how to mend it."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.render.safe import printable
from analyzer.render.sections import ASIDE, heading, prose
from analyzer.report import Finding, Report
from analyzer.units import duration, percent


def print_findings(report: Report, console: Console) -> None:
    """Print every finding, the most costly first, or that there is none."""
    heading(console, "Findings")
    if not report.findings:
        console.print(Text(f" {_none(report.hidden_findings)}"))
    for number, finding in enumerate(report.findings, start=1):
        _print_title(number, finding, console)
        for sentence in finding.evidence:
            prose(console, "", sentence)
        if finding.where:
            prose(console, "at", _short(finding.where), style="cyan")
        _print_fix(finding, console)
        _print_saving(finding, report.total_ns, console)
    if report.findings and report.hidden_findings:
        aside = f"no other costs 1 ms or 1 %  ({report.hidden_findings} smaller)"
        console.print(Text(f"    {aside}", style=ASIDE))


def _none(hidden: int) -> str:
    if hidden:
        return f"none that costs 1 ms or 1 %  ({hidden} smaller)"
    return "none: no cause that tracekit knows shows in this request"


def _short(where: str) -> str:
    """Return the place with the last folder only; --json has the whole path."""
    return "/".join(where.split("/")[-2:])


def _print_title(number: int, finding: Finding, console: Console) -> None:
    title = printable(finding.title)
    amount = f"{duration(finding.cost_ns)} ({percent(finding.share)})"
    bound = "at most " if finding.at_most else ""
    cost = Text(f"costs {'the request' if finding.fatal else bound + amount}", "bold yellow")
    gap = console.width - 4 - cell_len(title) - len(cost)
    if gap >= 2:
        console.print(Text(f"{number:>2}  {title}{' ' * gap}", style="bold").append_text(cost))
    else:
        prose(console, f"{number:>2}", title, indent=0, style="bold")
        console.print(Text(" " * 4).append_text(cost))


def _print_fix(finding: Finding, console: Console) -> None:
    """Print the lines of the fix as they are: code must not be wrapped at a blank."""
    for number, line in enumerate(finding.fix):
        lead = "    fix   " if number == 0 else " " * 10
        if cell_len(lead) + cell_len(printable(line)) <= console.width:
            console.print(Text(lead).append(printable(line), style="green"))
        else:
            prose(console, "fix" if number == 0 else " ", line, style="green")


def _print_saving(finding: Finding, total_ns: int, console: Console) -> None:
    if finding.saving_ns is None:
        return
    then = duration(total_ns - finding.saving_ns)
    line = Text("    then  ").append(then, style="bold green")
    line.append(f" predicted, {duration(finding.saving_ns)} less", style=ASIDE)
    console.print(line)

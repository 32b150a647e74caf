"""What a reader must know to trust the numbers: spans not waited for, and warnings."""

from __future__ import annotations

from rich.console import Console

from analyzer.render.sections import heading, prose
from analyzer.report import AFTER_RESPONSE, Report
from analyzer.units import duration

ROWS = 6


def print_off_path(report: Report, console: Console) -> None:
    """Print the spans that the request did not wait for, the longest first.

    Work after a response is told where its service is.
    """
    off_path = (span for span in report.spans_off_path if span.reason != AFTER_RESPONSE)
    spans = sorted(off_path, key=lambda span: -span.ns)
    if not spans:
        return
    heading(console, "Not waited for")
    for span in spans[:ROWS]:
        sentence = f"{span.service} {span.name}, {duration(span.ns)}: {span.reason}"
        prose(console, "", sentence, indent=2)
    _print_rest(len(spans) - ROWS, "spans", console)


def print_warnings(report: Report, console: Console) -> None:
    """Print what the analysis had to assume or correct; never silently."""
    if not report.warnings:
        return
    heading(console, "Warnings")
    for warning in report.warnings[:ROWS]:
        prose(console, "", f"! {warning}", indent=2, style="yellow")
    _print_rest(len(report.warnings) - ROWS, "warnings", console)


def _print_rest(count: int, what: str, console: Console) -> None:
    if count > 0:
        prose(console, "", f"… and {count} more {what} (all of them with --json)", indent=2)

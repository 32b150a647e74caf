"""``tracekit analyze`` as text."""

from __future__ import annotations

from rich.console import Console

from analyzer.render.breakdown_text import print_breakdown
from analyzer.render.calls_text import print_calls
from analyzer.render.edges_text import print_edges
from analyzer.render.findings_text import print_findings
from analyzer.render.header_text import print_header
from analyzer.render.notes_text import print_off_path, print_warnings
from analyzer.render.services_text import print_services
from analyzer.render.timeline_text import print_timeline
from analyzer.report import Report


def print_report(
    report: Report, console: Console, *, short_id: str, all_calls: bool = False
) -> None:
    """Print everything known about one request; *short_id* is the form that ``list`` shows.

    *all_calls* tells of every outgoing call and every service, not only of those that matter.

    Holds from 80 columns on and uses more where the console has them.
    """
    print_header(report, console, short_id=short_id)
    print_timeline(report, console)
    print_breakdown(report, console)
    print_edges(report, console)
    print_findings(report, console)
    print_services(report, console, all_services=all_calls)
    print_calls(report, console, all_calls=all_calls)
    print_off_path(report, console)
    print_warnings(report, console)

"""Hand-offs: what each service-to-service edge cost beyond the work on the other side."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from analyzer.render.cells import shorten
from analyzer.render.sections import heading, table
from analyzer.report import Edge, Report
from analyzer.units import column

_WIDE = 112
_PHASES = {
    "pool": "pool_wait_ns",
    "dns": "dns_ns",
    "connect": "connect_ns",
    "proxy": "proxy_ns",
    "tls": "tls_ns",
    "send": "send_ns",
    "queue": "queue_ns",
    "network": "beyond_queue_ns",
    "receive": "receive_ns",
}


def print_edges(report: Report, console: Console) -> None:
    """Print one line per edge; on a wide terminal with the phases of its calls."""
    if not report.edges:
        return
    phases = _used_phases(report) if console.width >= _WIDE else {}
    with_unknown = any(edge.unknown for edge in report.edges)
    counts = ["calls", "new", "reused", *(["unknown"] if with_unknown else [])]
    times = ["hand-off", "of it connection", *phases]
    heading(console, "Hand-offs", "the calls' time less the time inside the service called")
    made = table(("", "left"), *((title, "right") for title in (*counts, *times)))
    for edge in report.edges:
        numbers = [edge.calls, edge.new_connections, edge.reused]
        numbers += [edge.unknown] if with_unknown else []
        lengths = [edge.connection_ns, *(_length(edge, field) for field in phases.values())]
        made.add_row(
            Text(shorten(f"{edge.client} → {edge.server}", console.width * 3 // 8)),
            *(Text(str(number)) for number in numbers),
            Text("not traced" if edge.handoff_ns is None else _shown(edge.handoff_ns)),
            *(Text(_shown(ns)) for ns in lengths),
        )
    console.print(made)


def _shown(ns: int) -> str:
    return column(ns) if ns else "–  "


def _used_phases(report: Report) -> dict[str, str]:
    def is_used(field: str) -> bool:
        return any(_length(edge, field) for edge in report.edges)

    return {title: field for title, field in _PHASES.items() if is_used(field)}


def _length(edge: Edge, field: str) -> int:
    length: int = getattr(edge, field)
    return length

"""Garbage collection that takes a tenth of the request and more (``garbage``).

The interpreter runs nothing else meanwhile. The cost is as much of it as the request can have
waited for in that service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer import conventions
from analyzer.findings.request import Request
from analyzer.findings.wording import count
from analyzer.report import Finding
from analyzer.trace import Node
from analyzer.units import duration, percent
from tracekit import attributes as a

RULE = "garbage"
LEAST_NS = 1_000_000
LEAST_SHARE = 0.1


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service that collected garbage for long."""
    collecting: dict[str, list[Node]] = {}
    for server in request.servers:
        if _collected(server) >= max(LEAST_NS, LEAST_SHARE * server.duration):
            collecting.setdefault(server.span.service, []).append(server)
    for servers in collecting.values():
        yield _finding(request, servers)


def _collected(server: Node) -> int:
    return max(0, conventions.number(server.span.attributes, a.GC_TIME) or 0)


def _finding(request: Request, servers: Sequence[Node]) -> Finding:
    cost = sum(min(_collected(server), request.in_service(server)) for server in servers)
    worst = max(servers, key=_collected)
    took, share = _collected(worst), _collected(worst) / max(1, worst.duration)
    times = f"; {count(len(servers), 'request')} to it met that" if len(servers) > 1 else ""
    return Finding(
        rule=RULE,
        title=f"{worst.span.service} collects garbage meanwhile",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            f"It took {duration(took)}, {percent(share)} of the request's "
            f"{duration(worst.duration)} there{times}.",
            "Sure: measured. Another request's objects may have been its cause.",
        ),
        where=None,
        fix=(
            "gc.collect(); gc.freeze()           # once, when everything is loaded",
            "gc.set_threshold(50_000, 20, 100)   # collect less often",
            "and keep fewer objects between requests: caches, lists of lists",
        ),
    )

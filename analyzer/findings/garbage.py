"""Garbage collection that takes a tenth of the request and more (``garbage``).

The interpreter runs nothing else meanwhile. Whether the request would have gone on was not
measured: the cost is a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer import conventions
from analyzer.findings.request import Request
from analyzer.findings.servers import by_process, stood_still_at_most
from analyzer.findings.thresholds import SHORT_SHARE
from analyzer.findings.wording import count
from analyzer.report import Finding
from analyzer.trace import Node
from analyzer.units import duration, percent
from tracekit import attributes as a

RULE = "garbage"
LEAST_NS = 1_000_000


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per process that collected garbage for long."""
    for servers in by_process(request.servers):
        collecting = [server for server in servers if _is_long(server)]
        if collecting:
            yield _finding(request, servers, collecting)


def _is_long(server: Node) -> bool:
    return _collected(server) >= max(LEAST_NS, SHORT_SHARE * server.duration)


def _collected(server: Node) -> int:
    return max(0, conventions.number(server.span.attributes, a.GC_TIME) or 0)


def _finding(request: Request, servers: Sequence[Node], collecting: Sequence[Node]) -> Finding:
    cost = stood_still_at_most(request, servers, _collected)
    worst = max(collecting, key=_collected)
    took, share = _collected(worst), _collected(worst) / max(1, worst.duration)
    number = len(collecting)
    times = f"; {count(number, 'request')} to the process met that" if number > 1 else ""
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
        at_most=True,
    )

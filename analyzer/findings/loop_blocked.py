"""An event loop that something held (``loop-blocked``).

What blocks in a coroutine stops every request of the process. From a tenth of the request on, or
50 ms that are 1 % of it, that is named. Whether the request would have gone on meanwhile was not
measured, nor where in it the loop was held: the cost is a bound, and the cause a guess
(:mod:`analyzer.findings.loop_causes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer import conventions
from analyzer.findings.loop_causes import Cause, cause_of
from analyzer.findings.request import Request
from analyzer.findings.servers import by_process, stood_still_at_most
from analyzer.findings.thresholds import is_noticeable
from analyzer.findings.wording import count
from analyzer.report import Finding
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "loop-blocked"


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per process whose event loop was held."""
    for servers in by_process(request.servers):
        held = [server for server in servers if is_noticeable(_lag(server), server.duration)]
        if held:
            yield _finding(request, servers, held)


def _finding(request: Request, servers: Sequence[Node], held: Sequence[Node]) -> Finding:
    cost = stood_still_at_most(request, servers, _lag)
    worst = max(held, key=_lag)
    cause = cause_of(request.calls, servers, worst, _largest(worst))
    return Finding(
        rule=RULE,
        title=f"Something holds the event loop of {worst.span.service}",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(worst, len(held), cause)),
        where=cause.where,
        fix=cause.fix,
        at_most=True,
    )


def _evidence(server: Node, number: int, cause: Cause) -> Iterator[str]:
    largest = _largest(server)
    most = f", {duration(largest)} of it at once" if largest < _lag(server) else ""
    yield (
        f"The loop ran late by {duration(_lag(server))} of the request's "
        f"{duration(server.duration)}{most}: no other coroutine ran meanwhile."
    )
    if number > 1:
        yield f"{count(number, 'request')} to the process met that; this was the worst."
    yield cause.told
    if cause.is_doubtful:
        yield "Another request in the process may have done it instead."
    if cause.is_named:
        yield "Threads that compute, and a busy machine, make a loop late as well."


def _lag(server: Node) -> int:
    return max(0, conventions.number(server.span.attributes, a.LOOP_LAG) or 0)


def _largest(server: Node) -> int:
    found = conventions.number(server.span.attributes, a.LOOP_LAG_LARGEST)
    return _lag(server) if found is None else min(found, _lag(server))

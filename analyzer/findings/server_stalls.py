"""A service's own stream that stood still (``stream-stalls``), where no call of its explains it.

What a traced caller saw stall is told of that call, and what the service was itself kept waiting
for by a stream that it read is told there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer import conventions
from analyzer.body_facts import stalls_in, stalls_of
from analyzer.findings.meanwhile import busiest
from analyzer.findings.request import Request
from analyzer.findings.stream_stalls import RULE
from analyzer.findings.wording import count
from analyzer.phases import Interval, overlap, union
from analyzer.report import Finding
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service whose stream stalled by its own doing: the worst of each."""
    told = union(stall for call in request.calls for stall in stalls_of(call))
    worst: dict[str, tuple[int, Node, list[Interval]]] = {}
    for server in request.servers:
        stalls = [stall for stall in stalls_in(server, server.span) if not _is_told(stall, told)]
        length = sum(map(_length, stalls))
        if stalls and length > worst.get(server.span.service, (0,))[0]:
            worst[server.span.service] = length, server, stalls
    for _, server, stalls in worst.values():
        yield _finding(request, server, stalls)


def _is_told(stall: Interval, told: Iterable[Interval]) -> bool:
    """Return whether a call's stall covers half of *stall*."""
    return any(2 * overlap((stall,), (other,)) >= stall.end - stall.start for other in told)


def _finding(request: Request, server: Node, stalls: Sequence[Interval]) -> Finding:
    usual = max(0, conventions.number(server.span.attributes, a.BODY_GAP_P50) or 0)
    later = [Interval(start + usual, end) for start, end in stalls if start + usual < end]
    cost = request.cost_of(request.below(server, stalls))
    service = server.span.service
    return Finding(
        rule=RULE,
        title=f"The stream that {service} sends stalls",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(server, stalls, usual)),
        where=None,
        fix=tuple(_fix(server, stalls)),
        saving_ns=request.saving_of(request.below(server, later)),
    )


def _evidence(server: Node, stalls: Sequence[Interval], usual: int) -> Iterator[str]:
    total = duration(sum(end - start for start, end in stalls))
    median = f" in a stream with a median gap of {duration(usual)}" if usual else ""
    yield f"{count(len(stalls), 'stall')} took {total}{median}."
    longest = max(stalls, key=_length)
    at = duration(longest.start - server.start)
    told = f"The longest, {duration(longest.end - longest.start)}, began {at} into the request"
    meanwhile = busiest(server.children, longest)
    yield f"{told}; {meanwhile} meanwhile." if meanwhile else f"{told}."
    yield "Sure: measured, less the time in which the client did not read."


def _fix(server: Node, stalls: Sequence[Interval]) -> Iterator[str]:
    yield f"see what {server.span.service} does or waits for at that time"
    if busiest(server.children, max(stalls, key=_length)) is None:
        yield "and put a stage around it, so that the next trace names it:"
        yield 'with tracekit.stage("search"): ...'


def _length(stall: Interval) -> int:
    return stall.end - stall.start

"""A streamed response that stood still (``stream-stalls``).

A stall is a gap far longer than the stream's others (five medians and 100 ms), less what its reader
took: the pieces were not there. The cost is what the request waited for in that time, on either
side of the stream. Without the stall the piece would still have come after a usual gap, the median:
that much of each stall is not saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer.body_facts import body_facts, stalls_of
from analyzer.calls import Call
from analyzer.facts import BodyFacts
from analyzer.findings.meanwhile import busiest
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place
from analyzer.phases import Interval
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "stream-stalls"


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and server whose streams stalled."""
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in request.calls:
        if stalls_of(call):
            grouped.setdefault((call.client, call.peer), []).append(call)
    for calls in grouped.values():
        yield _finding(request, calls)


def _finding(request: Request, calls: Sequence[Call]) -> Finding:
    cuts = request.merged(request.below(call.node, stalls_of(call)) for call in calls)
    saved = request.merged(request.below(call.node, _beyond_usual(call)) for call in calls)
    cost = request.cost_of(cuts)
    worst = max(calls, key=_stalled)
    return Finding(
        rule=RULE,
        title=f"The stream from {worst.peer} stalls",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(worst, len(calls))),
        where=first_place(calls),
        fix=tuple(_fix(worst)),
        saving_ns=request.saving_of(saved),
    )


def _beyond_usual(call: Call) -> tuple[Interval, ...]:
    """Return the stalls without their first part, as long as the stream's usual gap."""
    body = body_facts(call, call.node.start) or BodyFacts()
    usual = max(0, body.gap_p50_ns or 0)
    later = (Interval(start + usual, end) for start, end in stalls_of(call))
    return tuple(stall for stall in later if stall.start < stall.end)


def _stalled(call: Call) -> int:
    return sum(end - start for start, end in stalls_of(call))


def _evidence(worst: Call, calls: int) -> Iterator[str]:
    yield _in_all(worst)
    yield _longest(worst)
    if calls > 1:
        yield f"{count(calls, 'stream')} of this request stalled; that was the worst."
    lost = worst.number(a.TCP_RETRANSMITS)
    if lost:
        yield f"{count(lost, 'segment')} had to be sent again: the network lost packets."
    yield "Sure: measured, less the time in which the reader did not ask."


def _in_all(call: Call) -> str:
    body = body_facts(call, call.node.start) or BodyFacts()
    number = count(body.stalls or len(stalls_of(call)), "stall")
    took = f"{number} took {duration(body.stalled_ns or _stalled(call))}"
    if body.gap_p50_ns is None:
        return f"{took}."
    return f"{took} in a stream with a median gap of {duration(body.gap_p50_ns)}."


def _longest(call: Call) -> str:
    longest = max(stalls_of(call), key=lambda stall: stall.end - stall.start)
    length, at = duration(longest.end - longest.start), duration(longest.start - call.node.start)
    told = f"The longest, {length}, began {at} into the call"
    meanwhile = busiest(call.servers, longest)
    return f"{told}; {meanwhile} meanwhile." if meanwhile else f"{told}."


def _fix(call: Call) -> Iterator[str]:
    yield f"see what {call.peer} does or waits for at that time"
    yield "and whether a proxy between holds pieces back; for nginx, answer with"
    yield "X-Accel-Buffering: no   # or proxy_buffering off; in its configuration"

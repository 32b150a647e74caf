"""More calls at once than the client's pool has connections (``pool-too-small``).

Two signs, by library. httpx and aiohttp (urllib3 with ``block=True``) wait for a connection: from
10 ms on that is named; the first call of a client is left out, because it also loads modules.
urllib3 does not wait: it opens one more and throws it away afterwards, so the next call that finds
the pool empty opens one again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from analyzer.calls import Call, wraps_another
from analyzer.findings.pool_wording import larger_pool
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place
from analyzer.phases import OPENING, Interval
from analyzer.places import made_at
from analyzer.process import Process, process_of
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "pool-too-small"
LONG_WAIT_NS = 10_000_000
LOOKED_AT = 50
HANDED_ON_NS = 5_000_000
"""So soon after another call's end a wait that ends has got that call's connection."""


class Pool(NamedTuple):
    """The calls of one process to one target, in order of time."""

    calls: Sequence[Call]

    @property
    def place(self) -> str | None:
        """Where the client was made, which new connections tell; else where a call was."""
        made = (made_at(call) for call in self.calls)
        return next((place for place in made if place), None) or first_place(self.calls)

    @property
    def most_at_once(self) -> int:
        """How many of the calls ran side by side."""
        moments = [(call.node.start, 1) for call in self.calls]
        moments += [(call.node.end, -1) for call in self.calls]
        most = running = 0
        for _, step in sorted(moments):
            running += step
            most = max(most, running)
        return most


def find(request: Request) -> Iterable[Finding]:
    """Yield a finding per process and target for its waits, and one for its discards."""
    grouped: dict[tuple[str, Process, str | None], list[Call]] = {}
    for call in request.calls:
        if not wraps_another(call):
            key = call.client, process_of(call.node.span), call.target
            grouped.setdefault(key, []).append(call)
    for calls in grouped.values():
        pool = Pool(calls)
        waiting = [call for call in calls if _waited(call)]
        if waiting:
            yield _of_waits(request, pool, waiting)
        again = opened_after_discard(calls)
        if again:
            yield _of_discards(request, pool, again)


def opened_after_discard(calls: Sequence[Call]) -> list[Call]:
    """Return those of *calls*, in order of time, that opened a connection after one was discarded.

    A pool's count of discards is read at a call's end. What calls running then may have discarded
    themselves is no loss to this one.
    """
    by_end = sorted(calls, key=lambda call: call.node.end)
    ends = [call.node.end for call in by_end]
    counts = [call.number(a.POOL_DISCARDS) or 0 for call in by_end]
    known = [0, *accumulate(counts, max)]
    again = []
    for call in calls:
        discards = call.number(a.POOL_DISCARDS) or 0
        if discards and call.opened:
            earlier = bisect_right(ends, call.node.start)
            if known[earlier] or discards > len(calls) - earlier:
                again.append(call)
    return again


def _waited(call: Call) -> bool:
    took_its_time = call.phase_ns("pool") >= LONG_WAIT_NS and call.state != "joined"
    return took_its_time and (call.state == "reused" or bool(call.number(a.CLIENT_REQUESTS)))


def _of_waits(request: Request, pool: Pool, waiting: Sequence[Call]) -> Finding:
    waits = {call: call.intervals("pool") for call in waiting}
    cost = sum(request.cost(call, intervals) for call, intervals in waits.items())
    return _finding(request, pool, waits, cost, tuple(_wait_evidence(pool, waiting)))


def _of_discards(request: Request, pool: Pool, again: Sequence[Call]) -> Finding:
    opening = {call: call.opening for call in again}
    cost = sum(request.cost(call, intervals) for call, intervals in opening.items())
    return _finding(request, pool, opening, cost, tuple(_discard_evidence(pool, again)))


def _finding(
    request: Request,
    pool: Pool,
    cuts: dict[Call, tuple[Interval, ...]],
    cost: int,
    evidence: tuple[str, ...],
) -> Finding:
    call = next(iter(cuts))
    return Finding(
        rule=RULE,
        title=f"The pool of connections to {call.peer} is too small",
        cost_ns=cost,
        share=request.share(cost),
        evidence=evidence,
        where=pool.place,
        fix=larger_pool(call, pool.most_at_once, waits=bool(call.phase_ns("pool") >= LONG_WAIT_NS)),
        saving_ns=request.saving(cuts),
    )


def _wait_evidence(pool: Pool, waiting: Sequence[Call]) -> Iterator[str]:
    longest = max(call.phase_ns("pool") for call in waiting)
    yield (
        f"{count(len(waiting), 'call')} waited for a free connection, {duration(longest)} at "
        f"longest, with {count(pool.most_at_once, 'call')} of this request at once."
    )
    if all(_handed_on(call, pool) for call in waiting[:LOOKED_AT]):
        yield "Sure: each wait ended when another call of this request was done."
    else:
        yield (
            "Likely: the connections were held by other requests' calls, or by responses that "
            "nobody has read or closed; a blocked event loop looks the same."
        )


def _handed_on(call: Call, pool: Pool) -> bool:
    end = call.intervals("pool")[0].end
    return any(
        other is not call and abs(end - other.node.end) < HANDED_ON_NS for other in pool.calls
    )


def _discard_evidence(pool: Pool, again: Sequence[Call]) -> Iterator[str]:
    took = duration(sum(call.phase_ns(*OPENING) for call in again))
    yield f"Opening {count(len(again), 'connection')} anew took {took}."
    discards = max(call.number(a.POOL_DISCARDS) or 0 for call in again)
    at_once = (
        f" {pool.most_at_once} calls of this request ran at once."
        if (pool.most_at_once > 1)
        else ""
    )
    yield (
        f"Sure: the pool had thrown {count(discards, 'connection')} away because it was full."
        f"{at_once}"
    )

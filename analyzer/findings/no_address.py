"""A host of which no address answered (``no-address-answers``): the call failed, and waited first.

The counterpart of ``address-in-vain``, where one answered in the end. The cost is the time from the
first attempt's start to the last one's end. A call that is refused at once costs nearly nothing and
is not named: that it failed, the request's status says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.request import Request
from analyzer.findings.wording import (
    CANCELLED,
    REFUSED,
    TIMEOUT,
    count,
    first_place,
    host_of,
    outcome_of,
)
from analyzer.phases import Attempt, Interval
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "no-address-answers"
MOST_TOLD = 4


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per host of which a service reached no address."""
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in request.calls:
        if call.attempts and call.unreached:
            grouped.setdefault((call.client, host_of(call)), []).append(call)
    for calls in grouped.values():
        yield _finding(request, calls)


def _finding(request: Request, calls: Sequence[Call]) -> Finding:
    tried = {call: (_tried(call),) for call in calls}
    cost = sum(request.cost(call, intervals) for call, intervals in tried.items())
    worst = max(calls, key=lambda call: _tried_ns(call))
    return Finding(
        rule=RULE,
        title=f'No address of "{host_of(worst)}" answers',
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(worst, len(calls))),
        where=first_place(calls),
        fix=tuple(_fix(worst)),
        saving_ns=request.saving(tried),
    )


def _tried(call: Call) -> Interval:
    starts, ends = zip(*((at.start, at.end) for at in call.attempts), strict=True)
    return Interval(min(starts), max(ends))


def _tried_ns(call: Call) -> int:
    start, end = _tried(call)
    return end - start


def _evidence(worst: Call, calls: int) -> Iterator[str]:
    attempts = worst.attempts
    told = ", ".join(_told(attempt) for attempt in attempts[:MOST_TOLD])
    more = f" and {len(attempts) - MOST_TOLD} more" if len(attempts) > MOST_TOLD else ""
    addresses = f"{len(attempts)} addresses" if len(attempts) > 1 else "1 address"
    yield f"Trying {addresses} took {duration(_tried_ns(worst))}: {told}{more}."
    if calls > 1:
        yield f"This happened to {count(calls, 'call')} of this request; that was the longest."
    if any(attempt.outcome == CANCELLED for attempt in attempts):
        yield "Likely: the client gave up before an answer came; the host may be slow, not silent."
    else:
        yield "Sure: every attempt and its outcome were recorded, and the call got no answer."


def _told(attempt: Attempt) -> str:
    return f"{attempt.address} {outcome_of(attempt)} after {duration(attempt.end - attempt.start)}"


def _fix(call: Call) -> Iterator[str]:
    outcomes = {attempt.outcome for attempt in call.attempts}
    port = conventions.server_port(call.node.span)
    where = f"port {port}" if port is not None else "its port"
    waited = outcomes & {TIMEOUT, CANCELLED}
    if waited:
        yield f"see whether {call.peer} is up, and whether a firewall drops what is sent to {where}"
    elif REFUSED in outcomes:
        yield (
            f"start {call.peer}, or correct the port: nothing listens on {where} of {host_of(call)}"
        )
    else:
        unreached = ", ".join(dict.fromkeys(attempt.address for attempt in call.attempts))
        yield f"see whether this machine has a route to {unreached}"
    if waited:
        yield f"and give up sooner: {_shorter_timeout(call)}"


def _shorter_timeout(call: Call) -> str:
    library = call.text(a.CLIENT_LIBRARY) or ""
    if library in ("httpx", "httpx2"):
        return f"{library}.Client(timeout={library}.Timeout(10, connect=0.5))"
    if library in ("requests", "urllib3"):
        method = (conventions.method(call.node.span) or "get").lower()
        return f"requests.{method}(URL, timeout=(0.5, 10)), the connect timeout first"
    return "a connect timeout of half a second is plenty within one network"

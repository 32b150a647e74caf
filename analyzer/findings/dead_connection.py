"""A call that failed because its kept connection was dead (``dead-connection``).

The counterpart of ``hidden-retry``: this client did not send it again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.calls import Call, wraps_another
from analyzer.findings.chains import retried
from analyzer.findings.keep_alive import agree, dead_on_use, kept
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place
from analyzer.phases import Interval
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "dead-connection"


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and server to which calls failed so."""
    again = set(retried(request.calls).values())
    grouped: dict[tuple[str, str | None], list[Call]] = {}
    for call in request.calls:
        if dead_on_use(call) and call not in again and not wraps_another(call):
            grouped.setdefault((call.client, call.target), []).append(call)
    for calls in grouped.values():
        yield _finding(request, calls)


def _finding(request: Request, calls: Sequence[Call]) -> Finding:
    lost = {call: (Interval(call.node.start, call.node.end),) for call in calls}
    cost = sum(request.cost(call, intervals) for call, intervals in lost.items())
    return Finding(
        rule=RULE,
        title=f"The kept connection to {calls[0].peer} was dead",
        cost_ns=cost,
        share=request.share(cost),
        evidence=_evidence(calls),
        where=first_place(calls),
        fix=(*agree(calls[0]), "and send it again where that does no harm: nobody has"),
    )


def _evidence(calls: Sequence[Call]) -> tuple[str, ...]:
    call = calls[0]
    error = call.text(a.ERROR_TYPE)
    return (
        f"{count(len(calls), 'call')} failed: sent on {kept(call)}, it ended after "
        f"{duration(call.node.duration)} with {error}.",
        "Likely the server had closed the connection while it was idle.",
    )

"""A request sent twice because the kept connection was dead (``hidden-retry``).

A server may close an idle connection at the very moment a client takes it up again. Some clients
send the request once more without a word. The cost is the time from the first sending to the
second, and opening the second's connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.chains import retried
from analyzer.findings.keep_alive import agree, dead_on_use, kept
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place
from analyzer.phases import Interval
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "hidden-retry"
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and server to which a request was sent twice."""
    grouped: dict[tuple[str, str | None], dict[Call, Call]] = {}
    for call, before in retried(request.calls).items():
        if dead_on_use(before):
            grouped.setdefault((call.client, call.target), {})[call] = before
    for links in grouped.values():
        yield _finding(request, links)


def _finding(request: Request, links: Mapping[Call, Call]) -> Finding:
    wasted = [request.below(old.node, (_all_of(old),)) for old in links.values()]
    wasted += [request.between(call, old) for call, old in links.items()]
    wasted += [{call.node: call.opening} for call in links]
    cuts = request.merged(wasted)
    cost = request.cost_of(cuts)
    peer = next(iter(links)).peer
    return Finding(
        rule=RULE,
        title=f"A request to {peer} was sent twice: its connection was dead",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(links)),
        where=first_place([*links, *links.values()]),
        fix=tuple(agree(next(iter(links.values())))),
        saving_ns=request.saving_of(cuts),
    )


def _all_of(call: Call) -> Interval:
    return Interval(call.node.start, call.node.end)


def _evidence(links: Mapping[Call, Call]) -> Iterator[str]:
    call, old = next(iter(links.items()))
    error = old.text(a.ERROR_TYPE) or "no answer"
    yield (
        f"First sent on {kept(old)}, it ended after "
        f"{duration(old.node.duration)} with {error}; then it was sent again, on a {call.state} "
        "connection."
    )
    if len(links) > 1:
        yield f"This happened to {count(len(links), 'call')} of this request."
    yield "Sure: both were recorded. Likely the server had closed the connection while it was idle."
    method = conventions.method(call.node.span)
    if method is not None and method not in _SAFE:
        yield f"A {method} that is sent twice may be done twice."

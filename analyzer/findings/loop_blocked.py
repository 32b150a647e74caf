"""An event loop that something held (``loop-blocked``).

What blocks in a coroutine stops every request of the process. From a tenth of the request on, or
50 ms that are 1 % of it, that is named; the cost is as much of it as the request can have waited
for. Where in this request it happened is not recorded: a call with a client that blocks, making a
client, or a stage of about that length is likely the cause, and else another request's work is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.request import Request, own_nodes
from analyzer.findings.wording import count
from analyzer.phases import Interval, overlap, union
from analyzer.places import called_at, made_at
from analyzer.report import Finding
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "loop-blocked"
LONG_NS = 50_000_000
LEAST_NS = 5_000_000
LEAST_SHARE = 0.1
LEAST_SHARE_OF_LONG = 0.01
_BLOCKING = frozenset({"urllib3", "requests", "http.client"})
_TO_THREAD = "await asyncio.to_thread(function, ...)   # instead of function(...)"
_DEBUG = "PYTHONASYNCIODEBUG=1 logs what holds the loop for over 100 ms"


class _Cause(NamedTuple):
    """What may have held the loop."""

    told: str
    fix: tuple[str, ...]
    where: str | None = None


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service whose event loop was held."""
    held: dict[str, list[Node]] = {}
    for server in request.servers:
        if _is_long(server):
            held.setdefault(server.span.service, []).append(server)
    for servers in held.values():
        yield _finding(request, servers)


def _is_long(server: Node) -> bool:
    lag, whole = _lag(server), server.duration
    is_long = lag >= max(LONG_NS, LEAST_SHARE_OF_LONG * whole)
    return is_long or lag >= max(LEAST_NS, LEAST_SHARE * whole)


def _finding(request: Request, servers: Sequence[Node]) -> Finding:
    cost = sum(min(_lag(server), request.in_service(server)) for server in servers)
    worst = max(servers, key=_lag)
    cause = _blocking_call(request, worst) or _made(request, worst) or _busy_span(worst)
    return Finding(
        rule=RULE,
        title=f"Something holds the event loop of {worst.span.service}",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            *_how_much(worst, len(servers)),
            cause.told if cause else "Likely another request's work: nothing in this took so long.",
        ),
        where=cause.where if cause else None,
        fix=cause.fix if cause else (_TO_THREAD, _DEBUG),
    )


def _lag(server: Node) -> int:
    return max(0, conventions.number(server.span.attributes, a.LOOP_LAG) or 0)


def _largest(server: Node) -> int:
    found = conventions.number(server.span.attributes, a.LOOP_LAG_LARGEST)
    return _lag(server) if found is None else min(found, _lag(server))


def _calls(request: Request, server: Node) -> list[Call]:
    own = set(own_nodes(server))
    return [call for call in request.calls if call.node in own]


def _blocking_call(request: Request, server: Node) -> _Cause | None:
    """Return the longest call by a client that blocks, if it can have held the loop so long."""
    calls = [c for c in _calls(request, server) if c.text(a.CLIENT_LIBRARY) in _BLOCKING]
    call = max(calls, key=lambda call: call.node.duration, default=None)
    if call is None or 2 * call.node.duration < _largest(server):
        return None
    took, library = duration(call.node.duration), call.text(a.CLIENT_LIBRARY)
    method = (conventions.method(call.node.span) or "get").lower()
    return _Cause(
        f"Likely: the call to {call.peer} took {took}, and {library} blocks its thread.",
        (
            "client = httpx.AsyncClient()   # once, when the application starts",
            f"await client.{method}(URL)         # instead of the call that blocks",
            f"or await asyncio.to_thread(requests.{method}, URL)",
        ),
        called_at(call),
    )


def _made(request: Request, server: Node) -> _Cause | None:
    """Return the client that took longest to make, if that can have held the loop so long."""
    calls = [call for call in _calls(request, server) if call.making]
    call = max(calls, key=_making_ns, default=None)
    if call is None or 2 * _making_ns(call) < _largest(server):
        return None
    took, library = duration(_making_ns(call)), call.text(a.CLIENT_LIBRARY) or "HTTP"
    return _Cause(
        f"Likely: making its {library} client took {took}; that loads certificates.",
        ("make one client when the application starts, and keep it",),
        made_at(call),
    )


def _making_ns(call: Call) -> int:
    return sum(end - start for start, end in call.making)


def _busy_span(server: Node) -> _Cause | None:
    """Return the span with the most time of its own, if it can have held the loop so long."""
    spans = [n for n in own_nodes(server) if n is server or n.span.kind is Kind.INTERNAL]
    busiest = max(spans, key=_own_ns)
    took = duration(_own_ns(busiest))
    if 2 * _own_ns(busiest) < _largest(server):
        return None
    if busiest.span.kind is not Kind.INTERNAL:
        told = f"Possibly its own code: {took} of it were in no stage and no call."
        return _Cause(told, (_TO_THREAD, _DEBUG))
    fix = f"await asyncio.to_thread(function, ...)   # what {busiest.span.name} does"
    return _Cause(f"Likely: {busiest.span.name} took {took} of its own.", (fix,))


def _own_ns(node: Node) -> int:
    below = union(Interval(child.start, child.end) for child in node.children)
    return node.duration - overlap((Interval(node.start, node.end),), below)


def _how_much(server: Node, number: int) -> Iterator[str]:
    largest = _largest(server)
    most = f", {duration(largest)} of it at once" if largest < _lag(server) else ""
    yield (
        f"The loop ran late by {duration(_lag(server))} of the request's "
        f"{duration(server.duration)}{most}: nothing else in the process ran meanwhile."
    )
    if number > 1:
        yield f"{count(number, 'request')} to it met that; this was the worst."

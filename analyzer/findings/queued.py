"""A request that waited before its service took it up (``queued``).

A proxy's header or the service's kernel says for how long; from 5 ms on that is named. The kernel
counts in ticks: two of them are no evidence, so its word counts from the third on. Inside the
request it is part of what the caller waited, traced or not; for the request's first service it lies
before the total, and the cost is what the client waited besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.meanwhile import busiest
from analyzer.findings.request import Cuts, Request
from analyzer.findings.servers import by_service
from analyzer.phases import Interval
from analyzer.process import process_of
from analyzer.queues import queue_of, queues
from analyzer.report import Finding
from analyzer.service_facts import BY_KERNEL, BY_PROXY, queued_ns
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "queued"
LEAST_NS = 5_000_000
LEAST_OF_KERNEL_NS = 12_000_000
"""Three ticks at the usual 250 Hz. What took just over one tick, as any waking up may, can count as
two, depending on when in a tick it began.
"""
_BY_PROXY = "Likely, if both clocks agree: that of the proxy in front and the service's."
_BY_KERNEL = (
    "At least about that: so long the service's kernel had the last piece of it, in ticks of up to "
    "4 ms."
)


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding for the request's own queue, and one per service that was called."""
    queued = [server for server in request.servers if queued_ns(server) >= _least(server)]
    first = request.root.children[0] if request.root.virtual else request.root
    for server in queued:
        if server is first:
            yield _before(request, server)
    reached = {server: call for call in request.calls for server in call.servers}
    for servers in by_service(s for s in queued if s is not first and s.parent is not None):
        waits = {server: _wait(server, reached.get(server)) for server in servers}
        if any(map(_length, waits.values())):
            yield _inside(request, waits)


def _least(server: Node) -> int:
    source = conventions.text(server.span.attributes, a.QUEUE_SOURCE)
    return LEAST_OF_KERNEL_NS if source == BY_KERNEL else LEAST_NS


def _before(request: Request, server: Node) -> Finding:
    queued = queued_ns(server)
    return Finding(
        rule=RULE,
        title=f"The request waited before {server.span.service} took it up",
        cost_ns=queued,
        share=queued / (queued + request.total),
        evidence=(
            f"It waited {duration(queued)} first. That is not in the request's "
            f"{duration(request.total)}: the client waited for both.",
            *_how_known(request, server),
        ),
        where=None,
        fix=tuple(_fix(server)),
    )


def _inside(request: Request, waits: dict[Node, Cuts]) -> Finding:
    cuts = request.merged(waits.values())
    cost = request.cost_of(cuts)
    worst = max(waits, key=lambda server: _length(waits[server]))
    return Finding(
        rule=RULE,
        title=f"Calls wait before {worst.span.service} takes them up",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            f"{_number(len(waits))} {duration(_length(waits[worst]))} first.",
            *_how_known(request, worst),
        ),
        where=None,
        fix=tuple(_fix(worst)),
        saving_ns=request.saving_of(cuts),
    )


def _wait(server: Node, call: Call | None) -> Cuts:
    """Return when *server* was waited for in its queue, of the span that waited."""
    if call is not None and call.phases:
        return {call.node: queue_of(call)}
    if call is not None:
        return {call.node: queues(call, Interval(call.node.start, call.node.end))}
    caller = server.parent
    if caller is None:
        return {}
    return {caller: (Interval(max(caller.start, server.start - queued_ns(server)), server.start),)}


def _length(wait: Cuts) -> int:
    return sum(max(0, end - start) for intervals in wait.values() for start, end in intervals)


def _number(calls: int) -> str:
    return "One call waited" if calls == 1 else f"{calls} calls waited, the longest"


def _how_known(request: Request, server: Node) -> Iterator[str]:
    meanwhile = _meanwhile(request, server)
    if meanwhile:
        yield f"Its process had another call of this request meanwhile: {meanwhile}."
    lag = _lag(server)
    if lag:
        yield f"Its event loop was held for {duration(lag)} of the request as well."
    by_proxy = conventions.text(server.span.attributes, a.QUEUE_SOURCE) == BY_PROXY
    yield _BY_PROXY if by_proxy else _BY_KERNEL


def _meanwhile(request: Request, server: Node) -> str | None:
    """Return what *server*'s process did for this request while it let *server* wait."""
    above: set[Node] = set()
    node: Node | None = server
    while node is not None:
        above.add(node)
        node = node.parent
    process = process_of(server.span)
    others = [
        other
        for other in request.servers
        if other not in above and process_of(other.span) == process
    ]
    return busiest(others, Interval(server.start - queued_ns(server), server.start))


def _fix(server: Node) -> Iterator[str]:
    if _lag(server) >= LEAST_NS:
        yield "find what holds its event loop: requests wait until it is free"
        yield "await asyncio.to_thread(function, ...)   # instead of function(...)"
        yield "or give it more workers, so that one busy loop does not stop all"
    else:
        yield f"give {server.span.service} more workers, or see what its workers did just before"
        yield "uvicorn --workers 4   # gunicorn: --workers 4 --threads 4"


def _lag(server: Node) -> int:
    return conventions.number(server.span.attributes, a.LOOP_LAG) or 0

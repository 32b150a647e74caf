"""A request that waited before its service took it up (``queued``).

A proxy's header or the service's kernel says for how long; from 5 ms on that is named. For a
service that a traced client called it is part of that client's wait; for the request's first
service it lies before the total, and the cost is what the client waited besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.process import process_of
from analyzer.findings.request import Request
from analyzer.findings.stream_stalls import busiest
from analyzer.phases import Interval
from analyzer.queues import queue_of
from analyzer.report import Finding
from analyzer.service_facts import queued_ns
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "queued"
LEAST_NS = 5_000_000
_CLOCKS = {
    "x-request-start": "Likely: by two clocks, that of the proxy in front and the service's.",
    "tcp_info": "Sure: the service's kernel had it for so long.",
    "loop_lag": "Possibly: the service's event loop was held until then.",
}


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding for the request's own queue, and one per service that was called."""
    reached = {server: call for call in request.calls for server in call.servers}
    by_service: dict[str, list[Node]] = {}
    for server in request.servers:
        if queued_ns(server) < LEAST_NS:
            continue
        if server in reached:
            by_service.setdefault(server.span.service, []).append(server)
        elif server is request.root:
            yield _before(request, server)
    for servers in by_service.values():
        yield _inside(request, servers, {reached[server] for server in servers})


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


def _inside(request: Request, servers: Sequence[Node], calls: Iterable[Call]) -> Finding:
    waits: Mapping[Call, Sequence[Interval]] = {call: queue_of(call) for call in calls}
    cost = sum(request.cost(call, intervals) for call, intervals in waits.items())
    worst = max(servers, key=queued_ns)
    return Finding(
        rule=RULE,
        title=f"Calls wait before {worst.span.service} takes them up",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            f"{_number(len(servers))} {duration(queued_ns(worst))} first.",
            *_how_known(request, worst),
        ),
        where=None,
        fix=tuple(_fix(worst)),
        saving_ns=request.saving(waits),
    )


def _number(calls: int) -> str:
    return "One call waited" if calls == 1 else f"{calls} calls waited, the longest"


def _how_known(request: Request, server: Node) -> Iterator[str]:
    meanwhile = _meanwhile(request, server)
    if meanwhile:
        yield f"Its process had another call of this request meanwhile: {meanwhile}."
    lag = _lag(server)
    if lag:
        yield f"Its event loop was held for {duration(lag)} of the request as well."
    source = conventions.text(server.span.attributes, a.QUEUE_SOURCE) or ""
    yield _CLOCKS.get(source, "Sure, if the service's clock was right.")


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
    source = conventions.text(server.span.attributes, a.QUEUE_SOURCE)
    if source == "loop_lag" or _lag(server) >= LEAST_NS:
        yield "find what holds its event loop: requests wait until it is free"
        yield "await asyncio.to_thread(function, ...)   # instead of function(...)"
        yield "or give it more workers, so that one busy loop does not stop all"
    else:
        yield f"give {server.span.service} more workers, or see what its workers did just before"
        yield "uvicorn --workers 4   # gunicorn: --workers 4 --threads 4"


def _lag(server: Node) -> int:
    return conventions.number(server.span.attributes, a.LOOP_LAG) or 0

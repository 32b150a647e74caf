"""A client that left before it had an answer (``client-left``).

What the service did for it was in vain. If that was the request's own client, it cost the request;
of a client that left while it was being answered nobody knows whether it had enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer import conventions
from analyzer.findings.request import Request
from analyzer.findings.stream_stalls import busiest
from analyzer.phases import Interval
from analyzer.report import Finding
from analyzer.service_facts import ended
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "client-left"
_AT_ONCE_NS = 5_000_000


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service that was left without having answered: its longest request."""
    longest: dict[str, Node] = {}
    for server in request.servers:
        if ended(server) == "client left" and not _answered(server):
            known = longest.setdefault(server.span.service, server)
            if server.duration > known.duration:
                longest[server.span.service] = server
    for server in longest.values():
        yield _finding(request, server)


def _answered(server: Node) -> bool:
    """Return whether the client saw a beginning of the answer.

    An answer in one piece that was given away as the request ended came too late.
    """
    found = server.span.attributes
    first = conventions.number(found, a.FIRST_BYTE)
    if first is None:
        return False
    chunks = conventions.number(found, a.BODY_CHUNKS) or 0
    return chunks > 1 or server.duration - first > _AT_ONCE_NS


def _finding(request: Request, server: Node) -> Finding:
    fatal = server is request.root
    cost = request.total if fatal else _waited(request, server)
    return Finding(
        rule=RULE,
        title=f"The client left before {server.span.service} answered",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(server)),
        where=None,
        fix=(
            "answer within the client's time-out, or let it wait longer",
            "if await request.is_disconnected(): return   # asked between steps",
        ),
        fatal=fatal,
    )


def _waited(request: Request, server: Node) -> int:
    """Return how long the request waited for what it did not get."""
    call = server.parent
    if call is None or call.span.kind is not Kind.CLIENT:
        return 0
    return request.cost_of({call: (Interval(server.start, call.end),)})


def _evidence(server: Node) -> Iterator[str]:
    service, took = server.span.service, duration(server.duration)
    yield f"{service} worked on it for {took}, and nobody had its answer."
    meanwhile = busiest(server.children, Interval(server.start, server.end))
    if meanwhile:
        yield f"Most of that time {meanwhile}."
    yield "Sure: the server saw the connection end, perhaps only some time later."

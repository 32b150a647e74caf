"""A client that left before it had an answer (``client-left``).

What the service did for it was in vain. If that was the request's own client, it cost the request;
of a client that left while it was being answered nobody knows whether it had enough. A websocket
has no answer to wait for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer import conventions
from analyzer.findings.meanwhile import busiest
from analyzer.findings.request import Request
from analyzer.findings.servers import worst_by_service
from analyzer.phases import Interval
from analyzer.report import Finding
from analyzer.service_facts import ended, is_websocket
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "client-left"
LAST_NS = 50_000_000
"""An answer in one piece that was given so late had not reached the client when it left."""


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service that was left without having answered: its longest request."""
    left = (server for server in request.servers if _is_left(server))
    for server in worst_by_service(left, lambda server: server.duration):
        yield _finding(request, server)


def _is_left(server: Node) -> bool:
    is_http = not is_websocket(server)
    return is_http and ended(server) == "client left" and not _answered(server)


def _answered(server: Node) -> bool:
    """Return whether the client saw a beginning of the answer.

    An answer in one piece that was given away just before the request ended came too late.
    """
    found = server.span.attributes
    first = conventions.number(found, a.FIRST_BYTE)
    if first is None:
        return False
    chunks = conventions.number(found, a.BODY_CHUNKS) or 0
    return chunks > 1 or server.duration - first > LAST_NS


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
            "and where the view is async, stop when nobody waits any more:",
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

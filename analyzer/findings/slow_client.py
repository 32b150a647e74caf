"""A client that is slow to send its request or to read the response (``slow-client``).

The server holds an application that sends faster than the client reads, and the application waits
for a body that the client has yet to send. From 50 ms on that are 1 % of the request that is named,
if the bytes passed slowly for the time: a large body takes its time with any client. What a traced
client is slow to send shows in that client's own phases and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from analyzer import conventions
from analyzer.findings.request import Request, own_nodes
from analyzer.findings.servers import worst_by_service
from analyzer.findings.thresholds import is_long
from analyzer.phases import Interval
from analyzer.report import Finding
from analyzer.service_facts import request_body
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "slow-client"
FAST = 20_000_000
"""Bytes a second from which on nobody calls a client slow."""
_SECOND = 1_000_000_000
_ALIKE = "Likely the client, or the network to it; a proxy between looks the same."


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and way that a client was slow: the worst of each."""
    for server in _slow(request, _held, a.BODY_BYTES):
        yield _reading(request, server, _held(server))
    for server in _slow(request, _waited, a.REQUEST_BODY_BYTES):
        yield _sending(request, server, _waited(server))


def _slow(request: Request, slowness: Callable[[Node], int], size: str) -> list[Node]:
    servers = (server for server in request.servers if is_long(slowness(server), server.duration))
    slow = (server for server in servers if 0 < _rate(server, slowness, size) < FAST)
    return worst_by_service(slow, slowness)


def _rate(server: Node, slowness: Callable[[Node], int], size: str) -> float:
    """Return the bytes a second that passed while the service waited; 0 where nobody knows."""
    return _number(server, size) * _SECOND / slowness(server)


def _held(server: Node) -> int:
    return max(0, min(_number(server, a.BODY_CONSUMER), server.end - _first(server)))


def _first(server: Node) -> int:
    return server.start + _number(server, a.BODY_FIRST_CHUNK)


def _waited(server: Node) -> int:
    caller = server.parent
    if caller is not None and caller.span.kind is Kind.CLIENT:
        return 0
    return min(server.duration, max(0, _number(server, a.REQUEST_BODY_WAIT)))


def _number(server: Node, name: str) -> int:
    return conventions.number(server.span.attributes, name) or 0


def _reading(request: Request, server: Node, held: int) -> Finding:
    first = _first(server)
    cost = min(held, _on_path(request, server, Interval(first, server.end)))
    service, size = server.span.service, _number(server, a.BODY_BYTES)
    return Finding(
        rule=RULE,
        title=f"The client of {service} reads slowly",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            f"Measured: {service} was held for {duration(held)} of the response's "
            f"{duration(max(0, server.end - first))} until its {size:,} bytes were taken.",
            _ALIKE,
        ),
        where=None,
        fix=tuple(_fix_reading()),
    )


def _fix_reading() -> Iterator[str]:
    yield "let the client read on while it works; see how fast the way to it is"
    yield "and send less: compress, or page"
    yield "proxy_buffering on;   # nginx in front takes it all and waits itself"


def _sending(request: Request, server: Node, waited: int) -> Finding:
    first, last = request_body(server)
    read = Interval(server.start + (first or 0), server.start + (last or waited))
    cost = min(waited, _on_path(request, server, read))
    service, size = server.span.service, _number(server, a.REQUEST_BODY_BYTES)
    return Finding(
        rule=RULE,
        title=f"The client of {service} sends its request slowly",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            f"Measured: {service} waited {duration(waited)} for the request's {size:,} bytes.",
            _ALIKE,
        ),
        where=None,
        fix=(
            "send less, or compress it; have the whole body ready before the call",
            "proxy_request_buffering on;   # nginx in front calls once it has it all",
        ),
    )


def _on_path(request: Request, server: Node, when: Interval) -> int:
    return request.cost_of(dict.fromkeys(own_nodes(server), (when,)))

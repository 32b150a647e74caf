"""A client that is slow to send its request or to read the response (``slow-client``).

The server holds an application that sends faster than the client reads, and the application waits
for a body that the client has yet to send. From a tenth of the request on, or 50 ms that are 1 % of
it, that is named. What a traced client is slow to send shows in that client's own phases and is
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer import conventions
from analyzer.findings.request import Request, own_nodes
from analyzer.phases import Interval
from analyzer.report import Finding
from analyzer.service_facts import request_body
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "slow-client"
LONG_NS = 50_000_000
LEAST_NS = 5_000_000
LEAST_SHARE = 0.1
LEAST_SHARE_OF_LONG = 0.01


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and way that a client was slow: the worst of each."""
    for slowness, finding in ((_held, _reading), (_waited, _sending)):
        worst: dict[str, Node] = {}
        for server in request.servers:
            if _is_long(server, slowness(server)):
                known = worst.setdefault(server.span.service, server)
                if slowness(server) > slowness(known):
                    worst[server.span.service] = server
        for server in worst.values():
            yield finding(request, server, slowness(server))


def _is_long(server: Node, ns: int) -> bool:
    is_long = ns >= max(LONG_NS, LEAST_SHARE_OF_LONG * server.duration)
    return is_long or ns >= max(LEAST_NS, LEAST_SHARE * server.duration)


def _held(server: Node) -> int:
    return max(0, _number(server, a.BODY_CONSUMER))


def _waited(server: Node) -> int:
    caller = server.parent
    if caller is not None and caller.span.kind is Kind.CLIENT:
        return 0
    return max(0, _number(server, a.REQUEST_BODY_WAIT))


def _number(server: Node, name: str) -> int:
    return conventions.number(server.span.attributes, name) or 0


def _reading(request: Request, server: Node, held: int) -> Finding:
    first = server.start + _number(server, a.BODY_FIRST_CHUNK)
    cost = min(held, _on_path(request, server, Interval(first, server.end)))
    service = server.span.service
    return Finding(
        rule=RULE,
        title=f"The client of {service} reads slowly",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            f"{service} was held for {duration(held)} of the response's "
            f"{duration(max(0, server.end - first))} until the client took what was sent.",
            "Sure: measured. The network between them, or a proxy, looks the same.",
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
    service = server.span.service
    size = conventions.number(server.span.attributes, a.REQUEST_BODY_BYTES)
    body = f" of {size:,} bytes" if size else ""
    return Finding(
        rule=RULE,
        title=f"The client of {service} sends its request slowly",
        cost_ns=cost,
        share=request.share(cost),
        evidence=(
            f"{service} waited {duration(waited)} for the request's body{body}.",
            "Sure: measured. The network between them, or a proxy, looks the same.",
        ),
        where=None,
        fix=(
            "send less, or compress it; have the whole body ready before the call",
            "proxy_request_buffering on;   # nginx in front calls once it has it all",
        ),
    )


def _on_path(request: Request, server: Node, when: Interval) -> int:
    return request.cost_of(dict.fromkeys(own_nodes(server), (when,)))

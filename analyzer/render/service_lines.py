"""The lines below a service's title, as a label and items each; what is not known has no item.

Without *everything* only what a reader would notice is said: a millisecond, and 1 % of the
service's time; a few bytes in one piece are no news.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.render.amounts import amount, counted, ordinal
from analyzer.render.items import Line, mark
from analyzer.render.service_errors import background_failure, failure_lines, stage_lines
from analyzer.render.streams import stream
from analyzer.service import ServiceFacts
from analyzer.service_facts import BY_KERNEL, BY_PROXY
from analyzer.units import duration, roughly

_NOTICEABLE_NS = 1_000_000
_NOTICEABLE_SHARE = 0.01
_CLOCKS = {
    BY_PROXY: "by the proxy's clock",
    BY_KERNEL: "by the kernel",
}
_UNSAID_CLOSES = {1005: "closed without a code", 1006: "the server saw no close"}


def lines_of(service: ServiceFacts, *, everything: bool, room: int) -> list[Line]:
    """Return the lines of *service*, those with something to say; *room* is an item's width."""
    lines: list[Line] = [
        ("queue", list(_queue(service, everything))),
        ("asked", list(_request(service, everything))),
        ("sent", list(_response(service, everything))),
        ("ws", list(_websocket(service))),
        *_end(service, everything, room),
        *stage_lines(service, room),
        *_background(service, room),
        ("loop", list(_process(service, everything))),
        ("peer", list(_peer(service)) if everything else []),
    ]
    return [line for line in lines if line[1]]


def _is_worth(service: ServiceFacts, ns: int | None, everything: bool) -> bool:
    if ns is None or everything:
        return ns is not None
    return ns >= max(_NOTICEABLE_NS, service.ns * _NOTICEABLE_SHARE)


def _queue(service: ServiceFacts, everything: bool) -> Iterator[str]:
    ns = service.queued_ns
    if ns is not None and _is_worth(service, ns, everything):
        long = roughly(ns) if service.queue_source == BY_KERNEL else duration(ns)
        yield f"waited {mark(service, 'queued_ns')}{long} before the service took it up"
        yield _CLOCKS.get(service.queue_source or "", f"by {service.queue_source}")
    if service.unbelieved_queue_ns:
        yield f"a proxy's clock says {duration(service.unbelieved_queue_ns)}: it must be wrong"


def _request(service: ServiceFacts, everything: bool) -> Iterator[str]:
    body = service.request_body
    if body is None or not (everything or _is_worth(service, body.waited_ns, False)):
        return
    if body.bytes is not None:
        yield f"request body {amount(body.bytes)}"
    if body.ns is not None:
        yield f"read in {duration(body.ns)}"
    if body.waited_ns is not None and _is_worth(service, body.waited_ns, everything):
        yield f"waited {duration(body.waited_ns)} for it to come"


def _response(service: ServiceFacts, everything: bool) -> Iterator[str]:
    body = service.response_body
    if body is None:
        return
    if service.is_stream:
        yield from stream(service, "response_body", body)
        yield f"last byte after {duration(service.ns)}"
    elif everything:
        if body.bytes is not None:
            yield f"response body {amount(body.bytes)}"
        if body.headers_ns is not None:
            yield f"headers after {duration(body.headers_ns)}"
    if body.held_ns is not None and _is_worth(service, body.held_ns, everything):
        yield f"held {duration(body.held_ns)} until it was taken"


def _websocket(service: ServiceFacts) -> Iterator[str]:
    talk = service.websocket
    if talk is None:
        return
    ways = (("in", talk.received, talk.received_bytes), ("out", talk.sent, talk.sent_bytes))
    for way, number, size in ways:
        if number is not None:
            of = f", {amount(size)}" if size is not None else ""
            yield f"{counted(number, 'message')} {way}{of}"
    if talk.close_code is not None:
        yield _UNSAID_CLOSES.get(talk.close_code, f"closed with {talk.close_code}")


def _end(service: ServiceFacts, everything: bool, room: int) -> Iterator[Line]:
    after = duration(service.ns)
    if service.ended == "client left":
        yield "end", [f"the client left after {after}"]
    elif service.ended == "cancelled":
        yield "end", [f"cancelled after {after}"]
    elif service.ended == "error" or service.error is not None or service.exception is not None:
        yield from failure_lines(service, room)
    elif everything and service.ended is not None:
        yield "end", [service.ended]


def _background(service: ServiceFacts, room: int) -> Iterator[Line]:
    if service.background_ns is not None:
        failure, places = background_failure(service, room)
        yield "after", [f"{duration(service.background_ns)} of work after the response", *failure]
        yield "at", places


def _process(service: ServiceFacts, everything: bool) -> Iterator[str]:
    lag, largest, garbage = service.loop_lag_ns, service.largest_lag_ns, service.gc_ns
    if lag is not None and _is_worth(service, lag, everything):
        most = f", {duration(largest)} of it at once" if largest and largest < lag else ""
        yield f"the event loop was held for {duration(lag)}{most}"
    if garbage is not None and _is_worth(service, garbage, everything):
        yield f"GC meanwhile {duration(garbage)}"


def _peer(service: ServiceFacts) -> Iterator[str]:
    it = service.peer
    if it.state is not None:
        yield f"{mark(service, 'peer.state')}{it.state} connection"
    if it.use is not None and it.state != "new":
        yield f"{mark(service, 'peer.use')}{ordinal(it.use)} request on it"
    if it.protocol is not None:
        yield f"HTTP/{it.protocol}"
    if it.address is not None:
        yield f"from {it.address}"

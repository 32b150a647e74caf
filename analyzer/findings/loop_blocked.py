"""An event loop that something held (``loop-blocked``).

What blocks in a coroutine stops every request of the process. From a tenth of the request on, or
50 ms that are 1 % of it, that is named. Whether the request would have gone on meanwhile was not
measured, nor where in it the loop was held: the cost is a bound, and the cause a guess. What holds
a loop lasts as long as the lag: a call with a client that blocks, making a client, or a span with
about that much time of its own is likely the cause. Of a longer span nobody knows whether it
awaited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.request import Request, own_nodes
from analyzer.findings.servers import by_process, stood_still_at_most
from analyzer.findings.thresholds import is_noticeable
from analyzer.findings.wording import count
from analyzer.places import called_at, made_at
from analyzer.report import Finding
from analyzer.self_time import self_time
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

RULE = "loop-blocked"
BEAT_NS = 10_000_000
"""The loop is looked at so often: what holds it may last so much longer than the lag."""
_BLOCKING = frozenset({"urllib3", "requests", "http.client"})
_FRAMEWORKS = ("fastapi", "starlette")
"""Scopes of spans that a framework makes around the service's own code."""
_TO_THREAD = "await asyncio.to_thread(function, ...)   # instead of function(...)"
_DEBUG = "PYTHONASYNCIODEBUG=1 logs what holds the loop for over 100 ms"


class _Cause(NamedTuple):
    """What may have held the loop."""

    told: str
    fix: tuple[str, ...]
    where: str | None = None


class _Work(NamedTuple):
    """Time of its own that a stage, or a service's code outside of any, took."""

    name: str
    ns: int
    is_stage: bool


_UNKNOWN = _Cause(
    "Likely another request's work: nothing in this took so long.", (_TO_THREAD, _DEBUG)
)


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per process whose event loop was held."""
    for servers in by_process(request.servers):
        held = [server for server in servers if is_noticeable(_lag(server), server.duration)]
        if held:
            yield _finding(request, servers, held)


def _finding(request: Request, servers: Sequence[Node], held: Sequence[Node]) -> Finding:
    cost = stood_still_at_most(request, servers, _lag)
    worst = max(held, key=_lag)
    largest = _largest(worst)
    calls = _calls(request, servers)
    cause = _blocking_call(calls, largest) or _made(calls, largest) or _work(servers, largest)
    cause = cause or _UNKNOWN
    return Finding(
        rule=RULE,
        title=f"Something holds the event loop of {worst.span.service}",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(worst, len(held), cause)),
        where=cause.where,
        fix=cause.fix,
        at_most=True,
    )


def _evidence(server: Node, number: int, cause: _Cause) -> Iterator[str]:
    largest = _largest(server)
    most = f", {duration(largest)} of it at once" if largest < _lag(server) else ""
    yield (
        f"The loop ran late by {duration(_lag(server))} of the request's "
        f"{duration(server.duration)}{most}: no other coroutine ran meanwhile."
    )
    if number > 1:
        yield f"{count(number, 'request')} to the process met that; this was the worst."
    yield cause.told
    if number > 1 and cause is not _UNKNOWN:
        yield "Another request in the process may have done it instead."
    yield "Threads that compute, and a busy machine, make a loop late as well."


def _lag(server: Node) -> int:
    return max(0, conventions.number(server.span.attributes, a.LOOP_LAG) or 0)


def _largest(server: Node) -> int:
    found = conventions.number(server.span.attributes, a.LOOP_LAG_LARGEST)
    return _lag(server) if found is None else min(found, _lag(server))


def _calls(request: Request, servers: Iterable[Node]) -> list[Call]:
    own = {node for server in servers for node in own_nodes(server)}
    return [call for call in request.calls if call.node in own]


def _may_be(took: int, largest: int) -> bool:
    """Return whether what blocked for *took* can be most of the *largest* lag, and no more."""
    return 2 * took >= largest and 4 * (took - BEAT_NS) <= 5 * largest


def _blocking_call(calls: Iterable[Call], largest: int) -> _Cause | None:
    """Return the longest call by a client that blocks which can have held the loop so long."""
    blocking = [call for call in calls if call.text(a.CLIENT_LIBRARY) in _BLOCKING]
    fitting = [call for call in blocking if _may_be(call.node.duration, largest)]
    if not fitting:
        return None
    call = max(fitting, key=lambda call: call.node.duration)
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


def _made(calls: Iterable[Call], largest: int) -> _Cause | None:
    """Return the client that took longest to make which can have held the loop so long."""
    fitting = [call for call in calls if call.making and _may_be(_making_ns(call), largest)]
    if not fitting:
        return None
    call = max(fitting, key=_making_ns)
    took, library = duration(_making_ns(call)), call.text(a.CLIENT_LIBRARY) or "HTTP"
    return _Cause(
        f"Likely: making its {library} client took {took}; that loads certificates.",
        ("make one client when the application starts, and keep it",),
        made_at(call),
    )


def _making_ns(call: Call) -> int:
    return sum(end - start for start, end in call.making)


def _work(servers: Iterable[Node], largest: int) -> _Cause | None:
    """Return the work that lasted about as long as the *largest* lag, else a longer one."""
    long_enough = [
        work for server in servers for work in _works(server) if 4 * work.ns >= 3 * largest
    ]
    if not long_enough:
        return None
    work = min(long_enough, key=lambda work: abs(work.ns - largest))
    took = duration(work.ns)
    if 4 * (work.ns - BEAT_NS) > 5 * largest:
        told = f"Possibly {work.name}: it took {took}, some of that perhaps awaiting."
        return _Cause(told, (_TO_THREAD, _DEBUG))
    told = f"Likely: {work.name} took {took} of its own."
    if not work.is_stage:
        return _Cause(told, (_TO_THREAD, _DEBUG))
    return _Cause(told, (f"await asyncio.to_thread(function, ...)   # what {work.name} does",))


def _works(server: Node) -> Iterator[_Work]:
    """Yield the stages of *server*, and its code that is in none: also in a framework's spans."""
    code = 0
    for node in own_nodes(server):
        if node is server or node.span.scope in _FRAMEWORKS:
            code += self_time(node)
        elif node.span.kind is Kind.INTERNAL:
            yield _Work(node.span.name, self_time(node), True)
    yield _Work(f"the code of {conventions.display_name(server.span)} in no stage", code, False)

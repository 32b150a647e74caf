"""What may have held an event loop.

It lasts as long as the lag: a call with a client that blocks, making a client, or a stage with
about that much time of its own is likely the cause, if it said that it ran on that loop. The
request's own code is it if the loop had no turn from its start to its end, or served nobody else
meanwhile. Of a longer span nobody knows whether it awaited, nor of a stage that let the loop run
for others. Without any of that no code is accused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.request import own_nodes
from analyzer.places import called_at, made_at
from analyzer.process import process_of
from analyzer.self_time import self_time
from analyzer.span import Kind
from analyzer.trace import Node
from analyzer.units import duration
from tracekit import attributes as a

BEAT_NS = 10_000_000
"""The loop is looked at so often: what holds it may last so much longer than the lag."""
_ASYNCHRONOUS = ("httpx", "httpx2")
"""Libraries whose clients that block have twins that do not."""
_FRAMEWORKS = ("fastapi", "starlette")
"""Scopes of spans that a framework makes around the service's own code."""
_TO_THREAD = "await asyncio.to_thread(function, ...)   # instead of function(...)"
_TO_PROCESS = "if a thread computes so long: let another process do that"
_DEBUG = "PYTHONASYNCIODEBUG=1 logs what holds the loop for over 100 ms"


class Cause(NamedTuple):
    """What may have held the loop."""

    told: str
    fix: tuple[str, ...]
    where: str | None = None
    is_named: bool = True
    """Whether it says which code it was."""
    is_doubtful: bool = False
    """Whether another request may have done it instead.

    One that began just before, and is ready to go on when the loop is free, may do so and end
    before the watch's next beat: then it looks as if it had held the loop itself.
    """


class _Work(NamedTuple):
    """Time of its own that a stage, or a service's code outside of any, took on its loop."""

    name: str
    ns: int
    is_stage: bool
    is_held: bool
    """Whether the loop had no turn from its start to its end."""
    is_alone: bool
    """Whether the loop served no other request."""
    node: Node

    @property
    def is_likely(self) -> bool:
        return self.is_held or self.is_alone


def cause_of(calls: Iterable[Call], servers: Sequence[Node], worst: Node, largest: int) -> Cause:
    """Return what may have held the loop of a process for *largest* at once.

    *servers* are what it served for a request, *worst* the one that met the longest lag.
    """
    own = _of_process(calls, servers)
    cause = _blocking_call(own, largest) or _made(own, largest) or _work(servers, largest)
    return cause or _unnamed(worst)


def _of_process(calls: Iterable[Call], servers: Iterable[Node]) -> list[tuple[Call, int]]:
    """Return the calls made where *servers* were served, each with the loop of that."""
    loops: dict[Node, int] = {}
    for server in servers:
        loop = _loop(server)
        if loop is not None:
            loops.update((node, loop) for node in own_nodes(server) if _is_beside(node, server))
    return [(call, loops[call.node]) for call in calls if call.node in loops]


def _is_beside(node: Node, server: Node) -> bool:
    """Tell whether *node* was in the process of *server*: others number their own loops."""
    return process_of(node.span) == process_of(server.span)


def _loop(node: Node) -> int | None:
    """Return which of its process's loops *node* ran on; None if it does not say."""
    return conventions.number(node.span.attributes, a.LOOP)


def _is(node: Node, name: str) -> bool:
    return node.span.attributes.get(name) is True


def _may_be(took: int, largest: int) -> bool:
    """Return whether what blocked for *took* can be most of the *largest* lag, and no more."""
    return 2 * took >= largest and 4 * (took - BEAT_NS) <= 5 * largest


def _blocking_call(calls: Iterable[tuple[Call, int]], largest: int) -> Cause | None:
    """Return the longest call by a client that blocks which can have held the loop so long."""
    blocking = [call for call, loop in calls if _loop(call.node) == loop]
    fitting = [call for call in blocking if _may_be(call.node.duration, largest)]
    if not fitting:
        return None
    call = max(fitting, key=lambda call: call.node.duration)
    took, library = duration(call.node.duration), call.text(a.CLIENT_LIBRARY) or "its client"
    method = (conventions.method(call.node.span) or "get").lower()
    module = library if library in _ASYNCHRONOUS else "requests"
    return Cause(
        f"Likely: the call to {call.peer} took {took}, and {library} blocks its thread.",
        (
            "client = httpx.AsyncClient()   # once, when the application starts",
            f"await client.{method}(URL)         # instead of the call that blocks",
            f"or await asyncio.to_thread({module}.{method}, URL)",
        ),
        called_at(call),
    )


def _made(calls: Iterable[tuple[Call, int]], largest: int) -> Cause | None:
    """Return the client that took longest to make which can have held the loop so long."""
    made = [call for call, loop in calls if call.number(a.CLIENT_LOOP) == loop]
    fitting = [call for call in made if call.making and _may_be(_making_ns(call), largest)]
    if not fitting:
        return None
    call = max(fitting, key=_making_ns)
    took, library = duration(_making_ns(call)), call.text(a.CLIENT_LIBRARY) or "HTTP"
    return Cause(
        f"Likely: making its {library} client took {took}; that loads certificates.",
        ("make one client when the application starts, and keep it",),
        made_at(call),
    )


def _making_ns(call: Call) -> int:
    return sum(end - start for start, end in call.making)


def _work(servers: Iterable[Node], largest: int) -> Cause | None:
    """Return the work that lasted about as long as the *largest* lag, else a longer one."""
    works = [work for server in servers for work in _works(server)]
    long_enough = [work for work in works if 4 * work.ns >= 3 * largest]
    if not long_enough:
        return None
    work = min(long_enough, key=lambda work: (not work.is_likely, abs(work.ns - largest)))
    beside = [other for other in long_enough if _are_beside(work, other)]
    return _either(work, beside[0]) if beside else _accused(work, largest)


def _are_beside(one: _Work, other: _Work) -> bool:
    """Tell whether both are stages of tasks that ran side by side.

    The one that was ready to go on as the loop came free ends before the watch's beat, and looks as
    if it had held it.
    """
    nested = other.node in _around(one.node) or one.node in _around(other.node)
    if one is other or nested or not (one.is_stage and other.is_stage):
        return False
    return one.node.start < other.node.end and other.node.start < one.node.end


def _around(node: Node) -> Iterator[Node]:
    while node.parent is not None:
        yield (node := node.parent)


def _either(work: _Work, other: _Work) -> Cause:
    told = f"Likely {work.name} or {other.name}, which ran side by side."
    return Cause(told, (_TO_THREAD, _DEBUG), is_doubtful=not work.is_alone)


def _accused(work: _Work, largest: int) -> Cause:
    took, is_doubtful = duration(work.ns), not work.is_alone
    if not work.is_likely or 4 * (work.ns - BEAT_NS) > 5 * largest:
        told = f"Possibly {work.name}: it took {took}, some of that perhaps awaiting."
        return Cause(told, (_TO_THREAD, _DEBUG), is_doubtful=is_doubtful)
    told = f"Likely: {work.name} took {took} of its own."
    if work.is_stage:
        fix = f"await asyncio.to_thread(function, ...)   # what {work.name} does"
        return Cause(told, (fix,), is_doubtful=is_doubtful)
    if work.is_held:
        return Cause(told, (_TO_THREAD, _DEBUG), is_doubtful=is_doubtful)
    told = f"Likely: {work.name} took {took} of its own, and the loop served no other request."
    return Cause(told, (_TO_THREAD, _TO_PROCESS, _DEBUG))


def _works(server: Node) -> Iterator[_Work]:
    """Yield the stages of *server* on its loop, and its code in none: also in a framework's spans.

    That code may have run in a thread: it is no suspect beside other requests, unless the loop had
    no turn.
    """
    loop, is_alone, code = _loop(server), _is(server, a.LOOP_ALONE), 0
    for node in own_nodes(server):
        if node is server or node.span.scope in _FRAMEWORKS:
            code += self_time(node)
        elif _is_stage_on(loop, node) and _is_beside(node, server):
            is_held = _is(node, a.LOOP_HELD)
            yield _Work(node.span.name, self_time(node), True, is_held, is_alone, node)
    own = f"the code of {conventions.display_name(server.span)} in no stage"
    work = _Work(own, code, False, _is(server, a.LOOP_HELD), is_alone, server)
    if work.is_likely:
        yield work


def _is_stage_on(loop: int | None, node: Node) -> bool:
    return loop is not None and _loop(node) == loop and node.span.kind is Kind.INTERNAL


def _unnamed(server: Node) -> Cause:
    """Return what is known where no part of the request is known to have been the cause."""
    if _is(server, a.LOOP_HELD):
        told = (
            "Likely several parts of this request: the loop had no turn from its start to its end."
        )
        return Cause(told, (_TO_THREAD, _DEBUG), is_doubtful=not _is(server, a.LOOP_ALONE))
    if _is(server, a.LOOP_ALONE):
        told = (
            "The loop served no other request. Likely several parts of this one, a thread that "
            "computes, work in the background, or a busy machine."
        )
        return Cause(told, (_TO_PROCESS, _DEBUG), is_named=False)
    service = server.span.service
    told = (
        "Likely the code of another request in the same process, a thread that computes, or a "
        "busy machine: nothing in this one is known to have held it so long."
    )
    others = f"see what else {service} served at that time: tracekit list --service {service}"
    return Cause(told, (others, _DEBUG), is_named=False)

"""A kept client whose connection was gone when it was needed again (``idle-too-long``).

The client is no fault: it had served calls before. After a pause shorter than the client keeps an
idle connection it was the server that closed it, because it restarted or keeps idle ones for less.
After a longer one it may have been either. One pause proves no lifetime: all of it is possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from analyzer.calls import Call, wraps_another
from analyzer.findings.chains import retried
from analyzer.findings.idle import Uses
from analyzer.findings.keep_alive import dead_on_use
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place
from analyzer.phases import OPENING
from analyzer.places import made_at
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "idle-too-long"
SECOND = 1_000_000_000
LONGEST_KEEP_ALIVE = 600
"""Seconds; pauses beyond it are nothing that a keep-alive should bridge."""
_EXPIRY = {"httpx": 5, "httpx2": 5, "aiohttp": 15}
"""Seconds after which a client drops an idle connection by itself, unless it is told otherwise."""
_SERVERS = {"gunicorn": (2, "--keep-alive"), "uvicorn": (5, "--timeout-keep-alive")}
"""Seconds for which a server keeps an idle connection unless told otherwise, and how to tell it."""


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and server whose connection had idled too long."""
    before, uses = retried(request.calls), Uses(request)
    grouped: dict[tuple[str, str], dict[Call, int]] = {}
    for call in request.calls:
        dead = call in before and dead_on_use(before[call])
        if call.opened and not dead and not wraps_another(call):
            pause = uses.idled(call)
            if pause is not None:
                grouped.setdefault((call.client, call.peer), {})[call] = pause
    for pauses in grouped.values():
        yield _finding(request, pauses)


def _finding(request: Request, pauses: Mapping[Call, int]) -> Finding:
    calls = list(pauses)
    opening = {call: call.opening for call in calls}
    cost = sum(request.cost(call, intervals) for call, intervals in opening.items())
    return Finding(
        rule=RULE,
        title=f"The idle connection to {calls[0].peer} was gone",
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(pauses)),
        where=made_at(calls[0]) or first_place(calls),
        fix=tuple(_fix(calls[0], max(pauses.values()))),
        saving_ns=request.saving(opening),
    )


def _evidence(pauses: Mapping[Call, int]) -> Iterator[str]:
    call = next(iter(pauses))
    took = duration(sum(it.phase_ns(*OPENING) for it in pauses))
    yield f"Opening {count(len(pauses), 'connection')} again took {took}."
    before = count(call.number(a.CLIENT_REQUESTS) or 0, "call")
    yield (
        f"The client is kept: it is {duration(call.number(a.CLIENT_AGE) or 0)} old and had served "
        f"{before}. Its last one to {call.peer} was over {duration(pauses[call])} ago."
    )
    yield _who_closed_it(call, max(pauses.values()))


def _who_closed_it(call: Call, pause: int) -> str:
    keeps = ", ".join(f"{name} {_SERVERS[name][0]} s" for name in _closing(pause))
    library = call.text(a.CLIENT_LIBRARY) or ""
    if _client_may_have(call, pause):
        dropped = f"{library} drops a connection that was idle for {_EXPIRY[library]} s"
        return f"Possible: {dropped}, unless told; or the server had closed it ({keeps})."
    closed = f"{call.peer} had restarted, or keeps an idle connection for less than that ({keeps})"
    if library in _EXPIRY:
        return f"Possible: {closed}; {library} itself keeps one for {_EXPIRY[library]} s."
    return f"Possible: {closed}."


def _closing(pause: int) -> list[str]:
    """Return the servers that close a connection by themselves in such a *pause*."""
    return [name for name, (seconds, _) in _SERVERS.items() if seconds * SECOND <= pause]


def _client_may_have(call: Call, pause: int) -> bool:
    expiry = _EXPIRY.get(call.text(a.CLIENT_LIBRARY) or "")
    return expiry is not None and pause >= expiry * SECOND


def _fix(call: Call, pause: int) -> Iterator[str]:
    seconds = -(-pause * 3 // 2 // SECOND)
    if seconds > LONGEST_KEEP_ALIVE:
        yield "open it ahead of need, with a cheap request when the work begins: no keep-alive"
        yield "should last through such a pause"
        return
    if _client_may_have(call, pause):
        yield from _expiry(call, seconds)
    options = ", ".join(f"{name} {_SERVERS[name][1]} {seconds}" for name in _closing(pause))
    yield f"let {call.peer} keep idle connections for {seconds} s: {options}"
    if not _client_may_have(call, pause):
        yield f"if {call.peer} had restarted, there is nothing to mend"


def _expiry(call: Call, seconds: int) -> Iterator[str]:
    library = call.text(a.CLIENT_LIBRARY) or ""
    if library == "aiohttp":
        connector = f"aiohttp.TCPConnector(keepalive_timeout={seconds})"
        yield f"aiohttp.ClientSession(connector={connector})"
    else:
        limits = f"{library}.Limits(keepalive_expiry={seconds})"
        yield f"{library}.Client(limits={limits})   # or AsyncClient"

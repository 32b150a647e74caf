"""A kept client whose connection was gone when it was needed again (``idle-too-long``).

The client is no fault: it had served calls before. But its last call to this server was longer ago
than the server, or the client itself, keeps an idle connection.
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
        title=f"The connection to {calls[0].peer} had been idle too long",
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
    library = call.text(a.CLIENT_LIBRARY) or ""
    expiry = _EXPIRY.get(library)
    if expiry is not None and pauses[call] >= expiry * SECOND:
        yield f"Likely: {library} drops a connection that was idle for {expiry} s, unless told."
    else:
        yield "Likely: the server closes an idle connection sooner than that (uvicorn after 5 s)."


def _fix(call: Call, pause: int) -> Iterator[str]:
    seconds = -(-pause * 3 // 2 // SECOND)
    if seconds > LONGEST_KEEP_ALIVE:
        yield "open it ahead of need, with a cheap request when the work begins: no keep-alive"
        yield "should last through such a pause"
        return
    yield from _expiry(call, seconds)
    yield (
        f"let {call.peer} keep idle connections for over {seconds} s: uvicorn --timeout-keep-alive "
        f"{seconds}, gunicorn --keep-alive {seconds}"
    )


def _expiry(call: Call, seconds: int) -> Iterator[str]:
    library = call.text(a.CLIENT_LIBRARY) or ""
    if library in ("httpx", "httpx2"):
        limits = f"{library}.Limits(keepalive_expiry={seconds})"
        yield f"{library}.Client(limits={limits})   # or AsyncClient"
    elif library == "aiohttp":
        connector = f"aiohttp.TCPConnector(keepalive_timeout={seconds})"
        yield f"aiohttp.ClientSession(connector={connector})"

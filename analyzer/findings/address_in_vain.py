"""An address tried in vain before the one that answers (``address-in-vain``).

A name has several addresses; one is tried first and refuses, times out, or is given up. Synchronous
clients wait out their connect timeout on each, asynchronous ones start the next after about 250 ms.
The cost is the time from the vain attempt's start to the next attempt's, on every new connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.request import Request
from analyzer.findings.wording import CANCELLED, REFUSED, TIMEOUT, first_place, host_of, outcome_of
from analyzer.phases import OK, Attempt, Interval
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "address-in-vain"
_GIVEN_UP = (TIMEOUT, CANCELLED)


class Vain(NamedTuple):
    """One vain attempt of *call*, the one that answered, and the time lost between."""

    call: Call
    attempt: Attempt
    answer: Attempt
    lost: Interval
    first: bool


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per address that a service tried in vain."""
    grouped: dict[tuple[str, str, str], list[Vain]] = {}
    for call in request.calls:
        for vain in _vain(call):
            key = call.client, host_of(call), vain.attempt.address
            grouped.setdefault(key, []).append(vain)
    for group in grouped.values():
        yield _finding(request, group)


def _vain(call: Call) -> Iterator[Vain]:
    attempts = sorted(call.attempts, key=lambda attempt: attempt.start)
    answer = next((number for number, it in enumerate(attempts) if it.outcome == OK), None)
    for number, attempt in enumerate(attempts[:answer] if answer is not None else ()):
        lost = Interval(attempt.start, attempts[number + 1].start)
        yield Vain(call, attempt, attempts[answer or 0], lost, number == 0)


def _finding(request: Request, group: Sequence[Vain]) -> Finding:
    lost: dict[Call, list[Interval]] = {}
    for vain in group:
        lost.setdefault(vain.call, []).append(vain.lost)
    cost = sum(request.cost(call, intervals) for call, intervals in lost.items())
    worst = max(group, key=lambda vain: vain.lost.end - vain.lost.start)
    return Finding(
        rule=RULE,
        title=_title(worst),
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(request, worst, len(lost))),
        where=first_place([vain.call for vain in group]),
        fix=_fix(worst),
        saving_ns=request.saving(lost),
    )


def _title(vain: Vain) -> str:
    which = "The first address" if vain.first else "An address"
    if vain.attempt.outcome in _GIVEN_UP:
        fault = "never answers"
    elif vain.attempt.outcome == REFUSED:
        fault = "refuses connections"
    else:
        fault = "cannot be reached"
    return f'{which} of "{host_of(vain.call)}" {fault}'


def _evidence(request: Request, worst: Vain, calls: int) -> Iterator[str]:
    attempt, answer = worst.attempt, worst.answer
    order = "first" if worst.first else "before the one that answers"
    yield (
        f"{attempt.address} was tried {order} and {outcome_of(attempt)} after "
        f"{duration(attempt.end - attempt.start)}; {answer.address} then answered in "
        f"{duration(answer.end - answer.start)}."
    )
    if calls > 1:
        yield f"This happened to {calls} calls of this request; that was the longest."
    remembered = request.remembered(worst.call)
    seen = remembered.failed_attempts.get(attempt.address, 0) if remembered else 0
    if remembered and seen > 1:
        yield f"Sure: seen in {seen} of {remembered.new} new connections in the store."
    elif attempt.outcome == CANCELLED:
        yield "Likely: the client gave this address up; it may be slow rather than silent."
    else:
        yield "Sure: the attempt and its outcome were recorded."


def _fix(vain: Vain) -> tuple[str, ...]:
    dead, alive = vain.attempt.address, vain.answer.address
    host, parsed = host_of(vain.call), _parse(dead)
    if parsed is not None and parsed.is_loopback:
        return _fix_loopback(vain)
    if parsed is not None and parsed.version == 6 and vain.attempt.outcome != REFUSED:
        return (
            f"repair the IPv6 route to {dead}, or take it out of the AAAA records of {host}",
            *_ipv4_only(vain.call),
        )
    return (
        f"take {dead} out of the records of {host}, or let the server listen there: {alive} does",
    )


def _fix_loopback(vain: Vain) -> tuple[str, ...]:
    dead, alive = vain.attempt.address, vain.answer.address
    listen = f"let {vain.call.peer} listen on {dead} as well"
    if vain.call.phase_ns("tls"):
        return (listen,)
    port = conventions.server_port(vain.call.node.span)
    literal = f"[{alive}]" if ":" in alive else alive
    url = f"http://{literal}" + (f":{port}" if port is not None else "")
    return (
        f'use {alive} in the URL instead of "{host_of(vain.call)}": {url}',
        f"or {listen}",
    )


def _ipv4_only(call: Call) -> tuple[str, ...]:
    library = call.text(a.CLIENT_LIBRARY) or ""
    if library in ("httpx", "httpx2"):
        transport = f'{library}.HTTPTransport(local_address="0.0.0.0")'
        return (f"until then, IPv4 only: {library}.Client(transport={transport})",)
    if library in ("requests", "urllib3"):
        return ("until then, IPv4 only: urllib3.util.connection.HAS_IPV6 = False",)
    return ()


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address.strip("[]"))
    except ValueError:
        return None

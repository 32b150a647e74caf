"""A name look-up that takes long (``slow-dns``).

A resolver on the machine or in its network answers in well under 20 ms, from its cache in under
1 ms; a look-up of 20 ms or more had to ask further or wait. About 5 s (or 10) is the resolver
library's own time-out: its first name server did not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer.calls import Call
from analyzer.findings.request import Request
from analyzer.findings.wording import count, first_place, host_of, keep_connections
from analyzer.report import Finding
from analyzer.units import duration
from tracekit import attributes as a

RULE = "slow-dns"
SLOW_NS = 20_000_000
RESOLVER_TIMEOUT_NS = 5_000_000_000


def find(request: Request) -> Iterable[Finding]:
    """Yield one finding per service and name whose look-ups were slow."""
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in request.calls:
        if call.phase_ns("dns") >= SLOW_NS:
            grouped.setdefault((call.client, host_of(call)), []).append(call)
    for (_, host), calls in grouped.items():
        yield _finding(request, host, calls)


def _finding(request: Request, host: str, calls: Sequence[Call]) -> Finding:
    look_ups = {call: call.intervals("dns") for call in calls}
    cost = sum(request.cost(call, intervals) for call, intervals in look_ups.items())
    return Finding(
        rule=RULE,
        title=f'Looking up "{host}" is slow',
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(host, calls)),
        where=first_place(calls),
        fix=(
            "ask a caching resolver on this machine (systemd-resolved, unbound, nscd)",
            f'write "{host}." with its last dot, or lower ndots, to skip the search list',
            "keep connections: a kept one needs no look-up",
            *keep_connections(calls[0]),
        ),
        saving_ns=request.saving(look_ups),
    )


def _evidence(host: str, calls: Sequence[Call]) -> Iterator[str]:
    longest = max(calls, key=lambda call: call.phase_ns("dns"))
    ns = longest.phase_ns("dns")
    of = f", the longest of {count(len(calls), 'slow look-up')}" if len(calls) > 1 else ""
    yield f'The look-up of "{host}" took {duration(ns)}{of}.'
    error = longest.text(a.DNS_ERROR)
    if error is not None:
        yield f"It failed: {error}."
    if _is_resolver_timeout(ns):
        yield "Whole multiples of 5 s are the resolver's time-out: its first name server is silent."
    yield (
        "Sure: measured. Every new connection pays it, so it is contained in what missing "
        "connection reuse costs."
    )


def _is_resolver_timeout(ns: int) -> bool:
    multiples = round(ns / RESOLVER_TIMEOUT_NS)
    return multiples > 0 and abs(ns - multiples * RESOLVER_TIMEOUT_NS) < RESOLVER_TIMEOUT_NS // 20

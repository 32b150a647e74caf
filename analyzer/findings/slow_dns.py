"""A name look-up that takes long (``slow-dns``).

A resolver on the machine or in its network answers in well under 20 ms, from its cache in under
1 ms; a look-up of 20 ms or more had to ask further or wait. About 5 s (or 10) is the resolver
library's own time-out: its first name server did not answer. The names of the machine itself and
addresses are asked of no resolver: what takes long there is the machine.
"""

from __future__ import annotations

import ipaddress
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
        if call.intervals("dns"):
            grouped.setdefault((call.client, host_of(call)), []).append(call)
    for (_, host), asked in grouped.items():
        calls = [call for call in asked if call.phase_ns("dns") >= SLOW_NS]
        if calls:
            yield _finding(request, host, calls, len(asked))


def _finding(request: Request, host: str, calls: Sequence[Call], asked: int) -> Finding:
    """Tell of *calls*, the slow ones of the *asked* that looked *host* up."""
    look_ups = {call: call.intervals("dns") for call in calls}
    cost = sum(request.cost(call, intervals) for call, intervals in look_ups.items())
    return Finding(
        rule=RULE,
        title=f'Looking up "{host}" is slow',
        cost_ns=cost,
        share=request.share(cost),
        evidence=tuple(_evidence(host, calls, asked)),
        where=first_place(calls),
        fix=(
            *_resolver_advice(host),
            "keep connections: a kept one needs no look-up",
            *keep_connections(calls[0]),
        ),
        saving_ns=request.saving(look_ups),
    )


def _resolver_advice(host: str) -> Iterator[str]:
    if not _is_own(host):
        yield "ask a caching resolver on this machine (systemd-resolved, unbound, nscd)"
        yield f'write "{host}." with its last dot, or lower ndots, to skip the search list'


def _is_own(host: str) -> bool:
    """Return whether *host* is answered without a resolver: an address, or the machine itself."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _evidence(host: str, calls: Sequence[Call], asked: int) -> Iterator[str]:
    longest = max(calls, key=lambda call: call.phase_ns("dns"))
    ns = longest.phase_ns("dns")
    of = f", the longest of {count(len(calls), 'slow look-up')}" if len(calls) > 1 else ""
    yield f'The look-up of "{host}" took {duration(ns)}{of}.'
    slow = f"took {duration(SLOW_NS)} or more"
    yield f"{len(calls)} of {count(asked, 'look-up')} of it in this request {slow}."
    error = longest.text(a.DNS_ERROR)
    if error is not None:
        yield f"It failed: {error}."
    if _is_resolver_timeout(ns):
        yield "Whole multiples of 5 s are the resolver's time-out: its first name server is silent."
    yield (
        "Sure for this request: measured. Only a new connection looks up, so it is contained in "
        "what missing connection reuse costs."
    )


def _is_resolver_timeout(ns: int) -> bool:
    multiples = round(ns / RESOLVER_TIMEOUT_NS)
    return multiples > 0 and abs(ns - multiples * RESOLVER_TIMEOUT_NS) < RESOLVER_TIMEOUT_NS // 20

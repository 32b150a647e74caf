"""The causes that the analyzer names: one small module per rule, each with ``find(request)``."""

from __future__ import annotations

from analyzer.findings import (
    address_in_vain,
    client_left,
    dead_connection,
    failed_call,
    garbage,
    hidden_retry,
    idle_too_long,
    loop_blocked,
    no_address,
    no_connection_reuse,
    pool_too_small,
    queued,
    redirect,
    server_stalls,
    slow_client,
    slow_dns,
    slow_tls,
    stream_stalls,
)
from analyzer.findings.request import History, Request, Reuse
from analyzer.report import Finding

__all__ = ["History", "Request", "Reuse", "findings"]

_RULES = (
    address_in_vain.find,
    no_address.find,
    hidden_retry.find,
    dead_connection.find,
    idle_too_long.find,
    pool_too_small.find,
    no_connection_reuse.find,
    redirect.find,
    slow_dns.find,
    slow_tls.find,
    stream_stalls.find,
    server_stalls.find,
    queued.find,
    loop_blocked.find,
    slow_client.find,
    garbage.find,
    failed_call.find,
    client_left.find,
)
LEAST_COST_NS = 1_000_000
LEAST_SHARE = 0.01
FIGURES = 3


def findings(request: Request) -> tuple[tuple[Finding, ...], int]:
    """Return what every rule finds, the most costly first; of equal ones the first rule's first.

    A cost that is only a bound comes after those that were measured. What costs less than
    1 ms and less than 1 % of the request is not worth a reader's time: it is only counted, in the
    second part.
    """
    found = [finding for find in _RULES for finding in find(request)]
    worth = [f for f in found if f.cost_ns >= LEAST_COST_NS or f.share >= LEAST_SHARE]
    worth.sort(key=lambda finding: (finding.at_most, -_as_shown(finding.cost_ns)))
    return tuple(worth), len(found) - len(worth)


def _as_shown(ns: int) -> int:
    """Return *ns* to the three figures that are shown: what looks alike keeps the rules' order.

    An address in vain is nearly all of what its new connection costs.
    """
    unit: int = 10 ** max(0, len(str(ns)) - FIGURES)
    return (ns + unit // 2) // unit * unit

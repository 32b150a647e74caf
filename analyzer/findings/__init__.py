"""The causes that the analyzer names: one small module per rule, each with ``find(request)``."""

from __future__ import annotations

from analyzer.findings import (
    address_in_vain,
    dead_connection,
    hidden_retry,
    idle_too_long,
    no_address,
    no_connection_reuse,
    pool_too_small,
    redirect,
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
)
LEAST_COST_NS = 1_000_000
LEAST_SHARE = 0.01
TIE = 0.01


def findings(request: Request) -> tuple[tuple[Finding, ...], int]:
    """Return what every rule finds, the most costly first; of equal ones the narrower cause first.

    What costs less than 1 ms and less than 1 % of the request is not worth a reader's time: it is
    only counted, in the second part.
    """
    found = [finding for find in _RULES for finding in find(request)]
    worth = [f for f in found if f.cost_ns >= LEAST_COST_NS or f.share >= LEAST_SHARE]
    return tuple(_narrower_first(worth)), len(found) - len(worth)


def _narrower_first(in_order_of_rules: list[Finding]) -> list[Finding]:
    """Return the findings by cost; of neighbours less than a per cent apart the first rule's first.

    An address in vain is nearly all of what its new connection costs.
    """
    ordered = sorted(in_order_of_rules, key=lambda finding: -finding.cost_ns)
    rank = {id(finding): number for number, finding in enumerate(in_order_of_rules)}
    for n in range(len(ordered) - 1):
        one, other = ordered[n : n + 2]
        if one.share - other.share < TIE and rank[id(other)] < rank[id(one)]:
            ordered[n : n + 2] = [other, one]
    return ordered

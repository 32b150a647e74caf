"""The causes that the analyzer names: one small module per rule, each with ``find(request)``."""

from __future__ import annotations

from analyzer.findings import address_in_vain, no_address, no_connection_reuse, slow_dns, slow_tls
from analyzer.findings.request import History, Request, Reuse
from analyzer.report import Finding

__all__ = ["History", "Request", "Reuse", "findings"]

_RULES = (
    address_in_vain.find,
    no_address.find,
    no_connection_reuse.find,
    slow_dns.find,
    slow_tls.find,
)
LEAST_COST_NS = 1_000_000
LEAST_SHARE = 0.01


def findings(request: Request) -> tuple[tuple[Finding, ...], int]:
    """Return what every rule finds, the most costly first; of equal ones the narrower cause first.

    What costs less than 1 ms and less than 1 % of the request is not worth a reader's time: it is
    only counted, in the second part.
    """
    found = [f for find in _RULES for f in sorted(find(request), key=lambda one: -one.cost_ns)]
    worth = [f for f in found if f.cost_ns >= LEAST_COST_NS or f.share >= LEAST_SHARE]
    # An address in vain is nearly all of what its new connection costs: to the per cent, they tie,
    # and the sort keeps the order of the rules.
    ordered = sorted(worth, key=lambda finding: -round(finding.share, 2))
    return tuple(ordered), len(found) - len(worth)

"""``tracekit compare --json``: one document; times are nanoseconds (medians may end in .5).

::

    before, after  {name, requests, left_out, routes {route: count}, statuses {status: count},
                    reused, known, concurrency}
    same_routes, same_statuses  booleans: the same ones, with nearly the same shares
    method         {percentiles, interval, confidence, p, adjustment}
    rows           [{kind, service, name, peer, before, after, difference, verdict}], total first

``kind`` is ``total``, ``handoff``, ``milestone`` or ``stage``. ``before`` and ``after`` of a row
are {n, mean_ns, p50_ns, p50_interval_ns, p95_ns, p99_ns}: *n* requests really have it; the means of
the stages add up to the mean total, percentiles do not. A percentile that so few requests cannot
know is null (p50 interval below 6, p95 below 72, p99 below 368).

``difference`` is null for rows too small to be tested, else {shift_ns, interval_ns, coverage, u, p,
p_holm, p95_interval_ns}, after − before. ``verdict`` is null or {outcome, delta_ns, more}:
*outcome* one of ``analyzer.verdict.Outcome``, *delta_ns* the smallest change that matters, *more*
about how many further requests a side would settle it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from analyzer.compare import Comparison, Row, Side
from analyzer.mix import Mix, are_same
from analyzer.percentiles import METHOD, Summary
from analyzer.shift import CONFIDENCE


def to_json(comparison: Comparison) -> str:
    """Return *comparison* as one indented JSON document, ASCII only."""
    return json.dumps(to_document(comparison), indent=2)


def to_document(comparison: Comparison) -> dict[str, Any]:
    """Return *comparison* as the documented dictionary."""
    mixes = comparison.mix_before, comparison.mix_after
    return {
        "before": _side(comparison.before, mixes[0]),
        "after": _side(comparison.after, mixes[1]),
        "same_routes": are_same(mixes[0].routes, mixes[1].routes),
        "same_statuses": are_same(mixes[0].statuses, mixes[1].statuses),
        "method": {
            "percentiles": METHOD,
            "interval": "Hodges-Lehmann",
            "confidence": CONFIDENCE,
            "p": "Mann-Whitney, two-sided",
            "adjustment": "Holm across the rows other than the total",
        },
        "rows": [_row(row) for row in (*comparison.tested, *comparison.folded)],
    }


def _side(side: Side, mix: Mix) -> dict[str, Any]:
    own = {"name": side.name, "requests": len(side.reports), "left_out": side.left_out}
    return {**own, **asdict(mix)}


def _row(row: Row) -> dict[str, Any]:
    return {
        **asdict(row.measure),
        "before": _summary(row.before),
        "after": _summary(row.after),
        "difference": _difference(row),
        "verdict": asdict(row.verdict) if row.verdict else None,
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "n": summary.n,
        "mean_ns": summary.mean,
        "p50_ns": summary.p50,
        "p50_interval_ns": summary.p50_interval,
        "p95_ns": summary.p95,
        "p99_ns": summary.p99,
    }


def _difference(row: Row) -> dict[str, Any] | None:
    found = row.found
    if found is None:
        return None
    return {
        "shift_ns": found.estimate,
        "interval_ns": None if found.low is None else [found.low, found.high],
        "coverage": found.coverage,
        "u": found.u,
        "p": found.p,
        "p_holm": row.p_adjusted,
        "p95_interval_ns": row.p95_interval,
    }

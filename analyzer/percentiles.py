"""Percentiles of one sample, and how well a sample of its size can know them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analyzer.shift import CONFIDENCE

METHOD = "linear interpolation between the two nearest requests (type 7)"
FEWEST = {50: 6, 95: 72, 99: 368}
"""Requests from which a percentile has a 95 % interval at all; below, p95 and p99 are not given."""
RESAMPLES = 2_000
_SEED = 20_240_229


@dataclass(frozen=True)
class Summary:
    """One side of a row. *n* requests have it at all; the rest is over *values* of them, in ns.

    *p50_interval* is None below 6 values, *p95* below 72, *p99* below 368.
    """

    n: int
    values: int
    mean: float
    p50: float | None
    p50_interval: tuple[float, float] | None
    p95: float | None
    p99: float | None


def summarize(values: Sequence[float], n: int) -> Summary:
    """Return the summary of *values*, which *n* requests really have."""
    return Summary(
        n=n,
        values=len(values),
        mean=float(np.mean(values)) if values else 0.0,
        p50=percentile(values, 50) if values else None,
        p50_interval=median_interval(values),
        p95=_if_known(values, 95),
        p99=_if_known(values, 99),
    )


def percentile(values: Sequence[float], q: float) -> float:
    """Return the *q*-th percentile (0 to 100) by linear interpolation, Hyndman and Fan's type 7."""
    return float(np.percentile(np.asarray(values, dtype=np.float64), q, method="linear"))


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the median by order statistics, None below 6 values."""
    if len(values) < FEWEST[50]:
        return None
    interval = stats.quantile_test(values, p=0.5).confidence_interval(CONFIDENCE)
    return float(interval.low), float(interval.high)


def p95_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the difference of p95, after − before; None below 72 a side.

    *before* and *after* are in the order of time. Blocks of neighbours are resampled, not single
    requests, because slow requests come in bursts. The same data gives the same answer.
    """
    if min(len(before), len(after)) < FEWEST[95]:
        return None
    random = np.random.default_rng(_SEED)
    differences = _resampled_p95(after, random) - _resampled_p95(before, random)
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(differences, (tail, 100 - tail))
    return float(low), float(high)


def _resampled_p95(values: Sequence[float], random: np.random.Generator) -> NDArray[np.float64]:
    n = len(values)
    block = math.isqrt(n)
    starts = random.integers(n, size=(RESAMPLES, math.ceil(n / block), 1))
    chosen = ((starts + np.arange(block)) % n).reshape(RESAMPLES, -1)[:, :n]
    sample = np.asarray(values, dtype=np.float64)[chosen]
    p95: NDArray[np.float64] = np.percentile(sample, 95, axis=1)
    return p95


def _if_known(values: Sequence[float], q: int) -> float | None:
    return percentile(values, q) if len(values) >= FEWEST[q] else None

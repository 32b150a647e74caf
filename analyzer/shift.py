"""How far apart two samples lie: the Hodges–Lehmann shift, its interval, and Mann–Whitney's p.

Nothing here assumes a shape of the distribution, because latencies have none to rely on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
EXACT_PAIRS = 2_500
"""Up to so many pairs (50 by 50) the null distribution is counted, above it is taken as normal."""
EXACT_PERMUTATIONS = 20_000
"""Up to so many ways to split tied samples p is counted, above it is taken as normal."""


@dataclass(frozen=True)
class Shift:
    """By how much *after* lies above *before*, in the unit of the samples.

    *low* and *high* are None where the samples are too small for the confidence asked for;
    *coverage* is what the interval really has. *u* is the smaller Mann–Whitney U, *p* two-sided.
    """

    estimate: float
    low: float | None
    high: float | None
    coverage: float
    u: float
    p: float


def shift(before: Sequence[float], after: Sequence[float], confidence: float = CONFIDENCE) -> Shift:
    """Return the median of all differences after − before, with the interval by which it is known.

    The interval is the one that the Mann–Whitney test inverts to: closed, and so with ties it
    covers at least what it says. Raises ValueError for an empty sample.
    """
    if not len(before) or not len(after):
        raise ValueError("a shift needs values on both sides")
    differences = np.subtract.outer(_array(after), _array(before)).ravel()
    cut, coverage = _cut(len(before), len(after), confidence)
    low = high = None
    if cut:
        ends = np.partition(differences, (cut - 1, differences.size - cut))
        low, high = float(ends[cut - 1]), float(ends[differences.size - cut])
    u, p = _mann_whitney(_array(before), _array(after))
    return Shift(float(np.median(differences)), low, high, coverage, u, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for being several, in the given order (Holm's step-down)."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _array(values: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _cut(n: int, m: int, confidence: float) -> tuple[int, float]:
    """Return which difference from either end bounds the interval (0: none), and its coverage."""
    if n * m > EXACT_PAIRS:
        z = stats.norm.ppf((1 + confidence) / 2)
        cut = math.floor(n * m / 2 - z * math.sqrt(n * m * (n + m + 1) / 12))
        return max(1, cut), confidence
    tail, cut, coverage = 0, 0, 0.0
    ways = math.comb(n + m, n)
    for count in _null_counts(n, m):
        tail += count
        if 2 * tail > (1 - confidence) * ways:
            break
        cut, coverage = cut + 1, 1 - 2 * tail / ways
    return cut, coverage


@lru_cache(maxsize=64)
def _null_counts(n: int, m: int) -> tuple[int, ...]:
    """Return in how many of the orders of n + m values U is 0, 1, 2, … (a Gaussian binomial)."""
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        # Times (1 − q^(m+i)), then divided by (1 − q^i): whole numbers at every step.
        for u in range(n * m, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, n * m + 1):
            counts[u] += counts[u - i]
    return tuple(counts)


def _mann_whitney(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float]:
    n, m = len(before), len(after)
    pooled = np.concatenate([before, after])
    distinct = np.unique(pooled).size
    if distinct == 1:
        return n * m / 2, 1.0
    method: str | stats.PermutationMethod = "asymptotic"
    if distinct == pooled.size and n * m <= EXACT_PAIRS:
        method = "exact"
    elif min(n, m) > 1 and math.comb(n + m, n) <= EXACT_PERMUTATIONS:
        method = stats.PermutationMethod(n_resamples=EXACT_PERMUTATIONS)
    result = stats.mannwhitneyu(before, after, alternative="two-sided", method=method)
    return float(min(result.statistic, n * m - result.statistic)), float(min(1.0, result.pvalue))

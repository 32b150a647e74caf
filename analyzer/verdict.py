"""What a measured shift allows to say, and no more.

"No change" never follows from a large p: it needs an interval inside ±δ. "Faster" and "slower" need
an interval beyond zero and, among several rows, a p that survives Holm's adjustment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from scipy import stats

from analyzer.shift import CONFIDENCE, Shift

FEWEST = 4
"""Requests a side below which no p under .05 can come out, whatever they show."""
SMALLEST_NS = 1_000_000
SMALLEST_SHARE = 0.05


class Outcome(str, Enum):
    """The verdicts there are."""

    FASTER = "faster"
    FASTER_PERHAPS = "faster_perhaps"
    NO_CHANGE = "no_change"
    SLOWER_PERHAPS = "slower_perhaps"
    SLOWER = "slower"
    INCONCLUSIVE = "inconclusive"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Verdict:
    """What can be said. *more* is about how many further requests a side an answer needs."""

    outcome: Outcome
    delta_ns: float
    more: int | None = None


def smallest_that_matters(before_median_ns: float) -> float:
    """Return δ: 1 ms or 5 % of the median before, whichever is more."""
    return max(SMALLEST_NS, SMALLEST_SHARE * before_median_ns)


def decide(found: Shift, p_adjusted: float, delta: float, n: int) -> Verdict:
    """Return the verdict on *found*, with *n* the number of requests on the smaller side."""
    if n < FEWEST or found.low is None or found.high is None:
        return Verdict(Outcome.TOO_FEW, delta, more=max(1, FEWEST - n))
    if -delta < found.low and found.high < delta:
        return Verdict(Outcome.NO_CHANGE, delta)
    more = _more_needed(found, found.high - found.low, p_adjusted, delta, n)
    if p_adjusted >= 1 - CONFIDENCE:
        return Verdict(Outcome.INCONCLUSIVE, delta, more)
    if found.high < 0:
        return Verdict(Outcome.FASTER if found.high < -delta else Outcome.FASTER_PERHAPS, delta)
    if found.low > 0:
        return Verdict(Outcome.SLOWER if found.low > delta else Outcome.SLOWER_PERHAPS, delta)
    return Verdict(Outcome.INCONCLUSIVE, delta, more)


def _more_needed(found: Shift, width: float, p_adjusted: float, delta: float, n: int) -> int | None:
    """Return about how many more requests a side settle it, if the shift stays what it is.

    An interval narrows with the square root of n. It must come to lie on one side of zero or inside
    ±δ, whichever is nearer; and where it lies so already, p must still pay for the other rows.
    None when no number can be named.
    """
    target = max(abs(found.estimate), delta - abs(found.estimate))
    factor = (width / 2 / target) ** 2 if target else math.inf
    if found.p < p_adjusted and 0 < found.p < 1 - CONFIDENCE:
        allowed = (1 - CONFIDENCE) * found.p / p_adjusted
        factor = max(factor, (_z(allowed) / _z(found.p)) ** 2)
    return max(1, math.ceil(n * factor) - n) if factor < math.inf else None


def _z(p: float) -> float:
    return float(stats.norm.isf(p / 2))

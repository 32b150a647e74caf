from __future__ import annotations

import numpy as np
import pytest

from analyzer.percentiles import median_interval, p95_difference, percentile, summarize


def test_percentiles_interpolate_between_neighbours():
    assert percentile([10, 20], 95) == pytest.approx(19.5)
    assert percentile([1, 2, 3], 50) == 2


def test_a_median_has_an_interval_from_six_requests_on():
    assert median_interval([1, 2, 3, 4, 5]) is None
    assert median_interval([1, 2, 3, 4, 5, 6]) == (1, 6)


@pytest.mark.parametrize(
    ("n", "p95", "p99"),
    [(71, False, False), (72, True, False), (367, True, False), (368, True, True)],
)
def test_tails_are_given_only_from_as_many_requests_as_they_need(n, p95, p99):
    summary = summarize(range(n), n)
    assert (summary.p95 is not None, summary.p99 is not None) == (p95, p99)


def test_no_values_have_no_percentile():
    summary = summarize([], 0)
    assert (summary.n, summary.mean, summary.p50, summary.p95) == (0, 0.0, None, None)


def test_the_p95_difference_is_bounded_only_with_enough_requests():
    assert p95_difference(range(71), range(72)) is None


def test_the_p95_difference_holds_a_plain_shift_and_is_the_same_each_time():
    random = np.random.default_rng(3)
    before = random.normal(1000, 10, 200)
    after = before + 50
    low, high = p95_difference(before, after)
    assert low <= 50 <= high
    assert low > 30
    assert p95_difference(before, after) == (low, high)


def test_bursts_widen_the_p95_interval_because_blocks_are_resampled():
    calm = [1000.0 + n % 7 for n in range(400)]
    slow = [index for index in range(400) if index % 100 < 6]
    bursts = [value + 500 * (index in slow) for index, value in enumerate(calm)]
    spread = [value + 500 * (index % 17 == 0) for index, value in enumerate(calm)]
    width = {name: p95_difference(calm, side) for name, side in (("b", bursts), ("s", spread))}
    assert width["b"][1] - width["b"][0] > 0
    assert width["b"][0] <= width["s"][0]

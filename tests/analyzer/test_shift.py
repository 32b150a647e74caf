from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analyzer.shift import holm, shift

SAMPLES = st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=30)
DISTINCT = st.lists(st.integers(-10_000, 10_000), min_size=2, max_size=24, unique=True)


def test_the_worked_example():
    found = shift([10, 12, 14, 16, 18], [7, 9, 11, 13, 15])
    assert found.estimate == -3
    assert (found.low, found.high) == (-9, 3)
    assert found.coverage == pytest.approx(0.968, abs=5e-4)
    assert found.u == 6
    assert found.p == pytest.approx(0.222, abs=5e-4)


@pytest.mark.parametrize(("n", "known"), [(3, False), (4, True)])
def test_four_a_side_are_the_fewest_for_a_95_percent_interval(n, known):
    found = shift(range(n), range(100, 100 + n))
    assert (found.low is not None) is known
    assert (found.p < 0.05) is known


@given(SAMPLES, SAMPLES, st.integers(-500, 500))
def test_moving_one_side_moves_the_estimate_and_the_interval_with_it(before, after, by):
    here, there = shift(before, after), shift(before, [value + by for value in after])
    assert there.estimate == here.estimate + by
    if here.low is not None:
        assert (there.low, there.high) == (here.low + by, here.high + by)


@given(SAMPLES, SAMPLES)
def test_swapping_the_sides_turns_the_sign(before, after):
    one, other = shift(before, after), shift(after, before)
    assert other.estimate == -one.estimate
    assert other.p == pytest.approx(one.p)
    if one.low is not None:
        assert (other.low, other.high) == (-one.high, -one.low)


@given(SAMPLES, SAMPLES)
def test_the_interval_holds_the_estimate(before, after):
    found = shift(before, after)
    if found.low is not None:
        assert found.low <= found.estimate <= found.high
        assert found.coverage >= 0.95


@given(DISTINCT, st.integers(1, 12))
def test_p_is_scipys_exact_one_without_ties(values, cut):
    cut = min(cut, len(values) - 1)
    expected = stats.mannwhitneyu(values[:cut], values[cut:], method="exact")
    assert shift(values[:cut], values[cut:]).p == pytest.approx(expected.pvalue)


@given(DISTINCT, st.integers(1, 12))
def test_the_interval_leaves_out_zero_exactly_when_p_is_under_five_percent(values, cut):
    cut = min(cut, len(values) - 1)
    found = shift(values[:cut], values[cut:])
    if found.low is not None:
        assert (found.p < 0.05) is not (found.low <= 0 <= found.high)


def test_ties_are_counted_and_not_taken_as_normal_where_samples_are_small():
    found = shift([2.0] * 6, [0.0] * 6)
    assert found.p == pytest.approx(2 / math.comb(12, 6))
    assert (found.low, found.high) == (-2, -2)


def test_equal_samples_are_no_evidence():
    assert shift([5] * 100, [5] * 100).p == 1


def test_large_samples_cover_the_true_shift_about_as_often_as_they_say():
    random = np.random.default_rng(7)
    hits = 0
    for _ in range(200):
        before, after = random.lognormal(size=60), random.lognormal(size=60) + 0.5
        found = shift(before, after)
        hits += found.low <= 0.5 <= found.high
    assert 180 <= hits <= 199


def test_an_empty_side_has_no_shift():
    with pytest.raises(ValueError, match="both sides"):
        shift([], [1])


def test_holm_multiplies_the_smallest_most_and_never_reorders():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_p_and_bonferroni(p_values):
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, p * len(p_values)) or adjusted >= p
        assert adjusted <= 1

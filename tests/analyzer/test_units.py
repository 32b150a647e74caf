from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.units import column, duration, interval, percent, roughly, signed

MS = 1_000_000
S = 1_000_000_000


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ms"),
        (7, "7 ns"),
        (312_000, "312 µs"),
        (6 * MS, "6.00 ms"),
        (51_100_000, "51.1 ms"),
        (604 * MS, "604 ms"),
        (999_499_999, "999 ms"),
        (999_500_000, "1.00 s"),
        (4_600 * MS, "4.60 s"),
        (9_995 * MS, "10.0 s"),
        (1_000 * S, "16.7 min"),
        (-2_190 * MS, "−2.19 s"),
    ],
)
def test_a_duration_has_three_significant_figures_and_a_unit(ns, text):
    assert duration(ns) == text


@given(st.integers(min_value=1_000, max_value=999 * 3_600 * S))
def test_every_duration_reads_as_one_to_999_and_is_right_within_half_a_percent(ns):
    number, unit = re.fullmatch(r"([\d.]+) (µs|ms|s|min|h)", duration(ns)).groups()
    scale = {"µs": 1_000, "ms": MS, "s": S, "min": 60 * S, "h": 3_600 * S}[unit]
    assert len(number.replace(".", "")) == 3
    assert abs(float(number) * scale - ns) <= 0.005 * ns


def test_a_column_of_durations_ends_its_numbers_in_one_place():
    lines = [f"{column(ns):>8}" for ns in (4_600 * MS, 604 * MS, 312_000)]
    assert {line.rindex(" ", 0, 6) for line in lines} == {5}


def test_differences_carry_their_sign_and_zero_has_none():
    assert (signed(7 * MS), signed(-2_190 * MS), signed(0)) == ("+7.00 ms", "−2.19 s", "0 ms")


def test_both_ends_of_an_interval_share_unit_and_decimals():
    assert interval(-9 * MS, 22 * MS) == "−9.0 … +22.0 ms"
    assert interval(-2_220 * MS, -2_160 * MS) == "−2.22 … −2.16 s"


def test_a_share_too_small_for_one_decimal_is_not_shown_as_nothing():
    assert [percent(share) for share in (0, 0.0001, 0.435, 1)] == [
        "0.0 %",
        "<0.1 %",
        "43.5 %",
        "100.0 %",
    ]


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (8 * MS, "about 8 ms"),
        (99_600_000, "about 100 ms"),
        (208 * MS, "about 208 ms"),
        (2_000 * MS, "about 2.00 s"),
    ],
)
def test_what_was_counted_in_ticks_has_no_decimals_of_milliseconds(ns, text):
    assert roughly(ns) == text

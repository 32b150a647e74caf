from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import BadInput
from analyzer.when import parse_duration, parse_moment, parse_range

MS = 1_000_000
S = 1_000_000_000
NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc).astimezone()


def unix_ns(moment: datetime) -> int:
    return round(moment.timestamp()) * S


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("250ms", 250 * MS),
        ("1.5s", 1_500 * MS),
        ("2m", 120 * S),
        ("2min", 120 * S),
        ("1m30s", 90 * S),
        ("1 h 5 m", 3_900 * S),
        ("3d", 259_200 * S),
        ("0.1us", 100),
        ("17ns", 17),
    ],
)
def test_durations_as_people_type_them(text, ns):
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    "text", ["", "5", "ms", "-5s", "5 parsecs", "1..5s", "1e3s", "9" * 30 + "s"]
)
def test_what_is_no_duration_is_said_in_one_line(text):
    with pytest.raises(BadInput, match="is not a duration such as 250ms"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=0, max_value=999))
def test_a_decimal_duration_is_exact(whole, thousandths):
    assert parse_duration(f"{whole}.{thousandths:03d}ms") == whole * MS + thousandths * 1000


@given(st.text())
def test_any_text_is_a_moment_or_bad_input(text):
    with contextlib.suppress(BadInput):
        assert isinstance(parse_moment(text, NOON), int)


def test_an_age_counts_back_from_now():
    assert parse_moment("15m", NOON) == unix_ns(NOON) - 900 * S


def test_a_clock_time_is_the_last_one_that_has_passed():
    hour_ago = NOON - timedelta(hours=1)
    in_an_hour = NOON + timedelta(hours=1)
    assert parse_moment(f"{hour_ago:%H:%M}", NOON) == unix_ns(hour_ago)
    yesterday = in_an_hour.replace(tzinfo=None) - timedelta(days=1)
    assert parse_moment(f"{in_an_hour:%H:%M:%S}", NOON) == unix_ns(yesterday.astimezone())


def test_hours_of_one_digit_are_read():
    assert parse_moment("9:05", NOON) == parse_moment("09:05:00", NOON)


@pytest.mark.parametrize(
    "text",
    ["2026-11-21T12:00:00Z", "2026-11-21T12:00:00+00:00", "2026-11-21T13:00+01:00"],
)
def test_iso_times_keep_their_zone(text):
    assert parse_moment(text, NOON) == unix_ns(NOON)


def test_iso_times_without_a_zone_are_local():
    assert parse_moment(f"{NOON:%Y-%m-%dT%H:%M:%S}", NOON) == unix_ns(NOON)


@pytest.mark.parametrize("text", ["25:00", "12:61", "yesterday", "2026-13-01", "0001-01-01", ""])
def test_what_is_no_moment_is_said_in_one_line(text):
    with pytest.raises(BadInput, match="is not a time"):
        parse_moment(text, NOON)


def test_a_range_has_two_ends_and_may_end_now():
    since, until = parse_range("2h..now", NOON)
    assert until - since == 7_200 * S
    assert parse_range("2h..", NOON) == (since, until)


def test_text_without_dots_is_no_range():
    assert parse_range("before") is None


def test_a_range_must_not_end_before_it_begins():
    with pytest.raises(BadInput, match="ends before it begins"):
        parse_range("now..2h", NOON)


def at(hour: int, minute: int = 0, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, minute).astimezone()


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("20:20..20:22", at(20, 20), at(20, 22)),
        ("20:22..20:40", at(20, 22), at(20, 23)),  # cut at now
        ("20:22..20:40 ", at(20, 22), at(20, 23)),
        ("20:30..20:35", at(20, 30, 20), at(20, 35, 20)),
        ("23:00..01:00", at(23, day=20), at(1)),
        ("23:00..20:40", at(23, day=20), at(20, 23)),
        ("2026-11-19T12:00..13:00", at(12, day=19), at(13, day=19)),
        ("2026-11-19T12:00..11:00", at(12, day=19), at(11, day=20)),
        ("15m..20:40", at(20, 8), at(20, 23)),
        ("2d..12:00", at(20, 23, 19), at(12)),
    ],
)
def test_a_clock_time_ends_a_range_on_the_day_of_its_start_or_the_next(text, since, until):
    assert parse_range(text, at(20, 23)) == (unix_ns(since), unix_ns(until))


@given(st.text(alphabet="0123456789:.-Tdhms now", max_size=20), st.text("0123456789:", max_size=8))
def test_any_range_is_in_order_or_bad_input(first, last):
    with contextlib.suppress(BadInput):
        found = parse_range(f"{first}..{last}", NOON)
        assert found is not None
        assert found[0] < found[1]

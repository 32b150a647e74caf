from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.render.bars import lane, share_bar

TIMES = st.integers(min_value=-(10**13), max_value=10**13)


def test_a_span_is_drawn_where_it_ran_to_an_eighth_of_a_column():
    assert lane(50, 25, 100, 40) == (20, "█" * 10)
    assert lane(0, 1, 32, 4) == (0, "▏")


def test_connection_phases_are_drawn_with_another_glyph():
    assert lane(0, 50, 100, 40, "░") == (0, "░" * 20)


def test_the_shortest_span_is_still_a_thin_line():
    assert lane(99, 0, 100, 40) == (39, "▏")
    assert lane(99, 0, 100, 40, "░") == (39, "▏")


@given(TIMES, TIMES, TIMES, st.integers(min_value=1, max_value=300), st.sampled_from("█▄░"))
def test_no_clock_can_push_a_bar_out_of_its_lane(start, length, total, width, glyph):
    offset, bar = lane(start, length, total, width, glyph)
    assert offset >= 0
    assert 1 <= len(bar) <= width - offset


@given(st.floats(min_value=-1, max_value=2), st.integers(min_value=0, max_value=200))
def test_a_share_never_takes_more_than_its_width(share, width):
    assert len(share_bar(share, width)) <= max(1, width)


def test_nothing_is_drawn_for_no_share_and_a_thin_line_for_a_little():
    assert (share_bar(0, 20), share_bar(0.001, 20), share_bar(1, 20)) == ("", "▏", "━" * 20)

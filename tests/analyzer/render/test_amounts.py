from __future__ import annotations

import pytest

from analyzer.render.amounts import amount, counted, ordinal


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.00 kB"), (48_200, "48.2 kB"), (999_600, "1.00 MB"),
     (5 * 10**12, "5.00 TB"), (5 * 10**15, "5000 TB")],
)  # fmt: skip
def test_a_size_has_three_significant_figures(size, text):
    assert amount(size) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st"), (112, "112th")],
)
def test_ordinals_end_as_they_are_spoken(number, text):
    assert ordinal(number) == text


def test_one_is_not_plural():
    assert (counted(1, "chunk"), counted(0, "chunk")) == ("1 chunk", "0 chunks")

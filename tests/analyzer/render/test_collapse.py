from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from analyzer.render.collapse import Folded, collapse
from analyzer.report import TimelineRow


def row(depth: int, ns: int, *, error: bool = False) -> TimelineRow:
    return TimelineRow(depth, "svc", f"span of {ns}", 0, ns, span_id="00", error=error)


def rows_of(depths_and_lengths) -> list[TimelineRow]:
    rows, depth = [], -1
    for step, ns in depths_and_lengths:
        depth = max(0, min(depth + 1, step))
        rows.append(row(depth, ns))
    return rows


TREES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 10**9)), max_size=200).map(rows_of)


def test_a_short_timeline_is_shown_whole():
    rows = [row(0, 100), row(1, 1), row(1, 2)]
    assert collapse(rows, 3) == rows


def test_the_small_and_the_many_become_one_line_with_their_sum():
    rows = [row(0, 1000), *[row(1, 3) for _ in range(214)], row(1, 900)]
    assert collapse(rows, 3) == [
        rows[0],
        rows[1],
        rows[-1],
        Folded(depth=1, count=213, ns=213 * 3),
    ]


def test_a_failed_span_is_shown_however_short():
    rows = [row(0, 1000), *[row(1, 5) for _ in range(50)], row(1, 0, error=True)]
    assert rows[-1] in collapse(rows, 8)


def test_time_of_nested_rows_left_out_counts_once():
    rows = [row(0, 1000), row(1, 900), row(1, 30), row(2, 29), row(3, 28), row(1, 10)]
    assert collapse(rows, 2)[-1] == Folded(depth=1, count=4, ns=40)


@given(TREES, st.integers(min_value=1, max_value=40))
def test_every_row_is_shown_or_counted_and_its_parent_is_shown_before_it(rows, limit):
    lines = collapse(rows, limit)
    shown = [line for line in lines if isinstance(line, TimelineRow)]
    assert len(shown) + sum(line.count for line in lines if isinstance(line, Folded)) == len(rows)
    kept = iter(rows)
    assert all(any(line is row for row in kept) for line in shown)
    open_depths = set()
    for line in lines:
        open_depths = {depth for depth in open_depths if depth < line.depth}
        assert line.depth == 0 or line.depth - 1 in open_depths
        open_depths.add(line.depth)


def test_a_hundred_thousand_rows_are_folded_in_a_moment():
    rows = [row(0, 10**9), *[row(1 + n % 50, n) for n in range(100_000)]]
    begin = time.perf_counter()
    assert len(collapse(rows, 40)) < 200
    assert time.perf_counter() - begin < 5

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from store_building import span

from analyzer.parts import part_of
from analyzer.span import Span

OTHER = "1af7651916cd43dd8448eb211c80319c"


def numbers(spans: list[Span]) -> list[int]:
    return [int(one.span_id, 16) for one in spans]


def child(number: int, of: int, request_id: str | None = None, **more: object) -> Span:
    return span(number, parent_id=f"{of:016x}", request_id=request_id, **more)


def test_a_tree_of_another_request_is_left_out():
    spans = [child(1, 99, "a"), child(2, 99, "b"), child(3, 2), child(4, 1)]

    assert numbers(part_of(spans, "a")) == [1, 4]
    assert numbers(part_of(spans, "b")) == [2, 3]


def test_a_tree_without_any_request_id_belongs_to_all():
    spans = [child(1, 99, "a"), child(2, 98), child(3, 99, "b")]

    assert numbers(part_of(spans, "a")) == [1, 2]


def test_another_trace_of_the_request_is_parted_by_itself():
    elsewhere = [span(5, request_id="b", trace_id=OTHER), span(6, request_id="a", trace_id=OTHER)]
    spans = [child(1, 99, "a"), child(2, 99, "b"), *elsewhere]

    assert numbers(part_of(spans, "a")) == [1, 5, 6]


def test_what_is_no_request_id_means_everything():
    spans = [child(1, 99, "a"), child(2, 99, "b")]

    assert part_of(spans, span(1).trace_id) == spans
    assert part_of([], "a") == []


def test_a_cycle_of_parents_is_one_tree():
    spans = [child(1, 2, "a"), child(2, 1), child(3, 3, "b")]

    assert numbers(part_of(spans, "a")) == [1, 2]


def test_a_chain_of_thousands_of_spans_is_no_trouble():
    spans = [child(1, 99_999, "a"), *(child(number, number - 1) for number in range(2, 10_000))]

    assert len(part_of([*reversed(spans), child(10_000, 99_998, "b")], "a")) == 9_999


links = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([None, "a", "b", "c"])), min_size=1, max_size=12
)


@given(links, st.sampled_from("abc"))
def test_of_any_forest_all_of_a_tree_stays_or_none(drawn, key):
    spans = [child(number, of, given) for number, (of, given) in enumerate(drawn, start=1)]
    part = part_of(spans, key)
    kept = set(numbers(part))

    assert [one for one in spans if one.request_id == key] == [
        one for one in part if one.request_id == key
    ]
    for one in spans:
        above = int(one.parent_id or "0", 16)
        if 1 <= above <= len(spans):
            assert (int(one.span_id, 16) in kept) == (above in kept)

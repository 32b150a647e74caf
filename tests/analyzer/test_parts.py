from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from store_building import span

from analyzer.parts import part_of
from analyzer.requests import load, recent
from analyzer.span import Span
from analyzer.store import open_store

OTHER = "1af7651916cd43dd8448eb211c80319c"


def numbers(spans: list[Span]) -> list[int]:
    return [int(one.span_id, 16) for one in spans]


def child(number: int, of: int, request_id: str | None = None, **more: object) -> Span:
    return span(number, parent_id=f"{of:016x}", request_id=request_id, **more)


def test_a_tree_of_another_request_is_left_out():
    spans = [child(1, 99, "a"), child(2, 99, "b"), child(3, 2), child(4, 1)]

    assert numbers(part_of(spans, "a")) == [1, 4]
    assert numbers(part_of(spans, "b")) == [2, 3]


def test_a_tree_without_any_request_id_belongs_to_none_of_several():
    spans = [child(1, 99, "a"), child(2, 98), child(3, 99, "b")]

    assert numbers(part_of(spans, "a")) == [1]
    assert numbers(part_of(spans[:2], "a")) == [1, 2]


def test_an_id_in_another_requests_trace_does_not_bring_that_in():
    job = [span(5, request_id="job", trace_id=OTHER)]
    called_back = span(6, request_id="a", trace_id=OTHER, parent_id=job[0].span_id)

    assert numbers(part_of([span(1, request_id="a"), *job, called_back], "a")) == [1]


def test_a_tree_of_two_ids_is_found_by_both():
    spans = [child(1, 99, "a"), child(2, 1, "inner"), child(3, 99, "b")]

    assert numbers(part_of(spans, "a")) == numbers(part_of(spans, "inner")) == [1, 2]


def test_another_trace_of_the_request_is_parted_by_itself():
    elsewhere = [span(5, request_id="b", trace_id=OTHER), span(6, request_id="a", trace_id=OTHER)]
    spans = [child(1, 99, "a"), child(2, 99, "b"), *elsewhere]

    assert numbers(part_of(spans, "a")) == [1]
    assert numbers(part_of(spans, "b")) == [2, 5, 6]


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

    own = {number for number, (_, given) in enumerate(drawn, start=1) if given == key}
    assert bool(own & kept) == bool(own)
    for one in spans:
        above = int(one.parent_id or "0", 16)
        if 1 <= above <= len(spans):
            assert (int(one.span_id, 16) in kept) == (above in kept)


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    """Trees of one trace, with an ID of its own or none for each; maybe one has the root."""
    spans: list[Span] = []
    for tree in range(draw(st.integers(1, 4))):
        top = len(spans) + 1
        given = draw(st.sampled_from([None, f"request-{tree}"]))
        is_root = draw(st.integers(0, 7)) == 0
        spans.append(span(top, parent_id=None if is_root else "f" * 16, request_id=given))
        for number in range(top + 1, top + 1 + draw(st.integers(0, 4))):
            named = given if draw(st.booleans()) else None
            spans.append(child(number, draw(st.integers(top, number - 1)), named))
    return draw(st.permutations(spans))


@settings(max_examples=15)
@given(forests())
def test_the_view_has_the_same_rule(tmp_path_factory, spans):
    path = tmp_path_factory.mktemp("parts") / "t.duckdb"
    with open_store(path, create=True) as store:
        store.insert(spans)
        listed = {row.request_id: row.spans for row in recent(store)}
        loaded = {key: len(load(store, key)) for key in listed}
    assert listed == loaded
    assert sum(listed.values()) <= len(spans)

from __future__ import annotations

import pytest
from trace_building import server, span

from analyzer.analysis import analyze
from analyzer.span import Kind
from analyzer.trace import GAP, grow, plant, preorder


def tree_of(*spans):
    return plant(grow(spans))


def test_one_true_root_gives_the_total_and_a_complete_trace():
    root = server("POST /hear", 0, 100)
    tree = tree_of(span("late", 40, 90, root), root, span("early", 10, 30, root))

    assert tree.root.span is root
    assert tree.complete
    assert [node.span.name for node in preorder([tree.root])] == ["POST /hear", "early", "late"]


def test_an_identical_duplicate_is_counted_once_and_reported():
    root = server("root", 0, 100)
    child = span("child", 10, 30, root)
    tree = tree_of(root, child, child, child)

    assert len(tree.nodes) == 2
    assert "2 duplicate spans" in tree.warnings[0]


@pytest.mark.parametrize("longest_first", [True, False])
def test_of_conflicting_duplicates_the_longest_is_kept_in_any_order(longest_first):
    root = server("root", 0, 100)
    versions = [span("a", 10, 30, root, span_id="x"), span("a", 10, 20, root, span_id="x")]
    tree = tree_of(root, *(versions if longest_first else versions[::-1]))

    assert [node.span for node in tree.nodes if node.span.span_id == "x"] == [versions[0]]
    assert "other content" in tree.warnings[0]


def test_a_client_and_a_server_that_share_an_id_are_two_spans():
    root = server("root", 0, 100, service="front")
    client = span("get", 10, 90, root, Kind.CLIENT, "front", span_id="5")
    shared = span("get", 20, 80, root, Kind.SERVER, "back", span_id="5")
    work = span("work", 30, 70, "5", service="back")
    tree = tree_of(work, shared, client, root)

    chain = [(node.span.name, node.span.kind) for node in preorder([tree.root])]
    assert chain == [
        ("root", Kind.SERVER),
        ("get", Kind.CLIENT),
        ("get", Kind.SERVER),
        ("work", Kind.INTERNAL),
    ]


def test_a_child_of_a_shared_id_hangs_on_the_side_that_made_it():
    root = server("root", 0, 100, service="front")
    client = span("get", 10, 90, root, Kind.CLIENT, "front", span_id="5")
    shared = span("get", 20, 80, root, Kind.SERVER, "back", span_id="5")
    retry = span("parse", 81, 89, "5", service="front")
    tree = tree_of(root, client, shared, retry)

    (node,) = (node for node in tree.nodes if node.span is retry)
    assert node.parent.span is client


def test_ids_of_two_traces_do_not_mix():
    first = server("first", 0, 10, span_id="1")
    second = server("second", 20, 30, span_id="1", trace_id="b" * 32)
    tree = tree_of(first, second, span("child", 22, 24, "1", trace_id="b" * 32))

    (child,) = (node for node in tree.nodes if node.span.name == "child")
    assert child.parent.span is second


def test_several_roots_get_a_virtual_root_whose_own_time_is_a_gap():
    report = analyze([server("one", 0, 30), server("two", 50, 100)])

    assert report.total_ns == 100_000_000
    assert not report.complete
    (gap,) = (stage for stage in report.stages if stage.kind == "unattributed")
    assert (gap.stage, gap.ns) == (GAP, 20_000_000)
    assert report.root.name == "one"


def test_orphans_are_listed_and_never_on_the_path():
    root = server("root", 0, 100)
    orphan = span("lost", 10, 90, "f" * 16)
    report = analyze([root, orphan, span("below", 20, 80, orphan)])

    assert [section.name for section in report.critical_path] == ["root"]
    assert [(off.name, off.reason) for off in report.spans_off_path] == [
        ("lost", "its parent span is missing")
    ]
    assert not report.complete
    assert any("lost" in warning for warning in report.warnings)


def test_of_orphans_alone_the_hull_is_the_observed_extent():
    report = analyze([span("one", 10, 30, "f" * 16), span("two", 50, 70, "e" * 16)])

    assert report.total_ns == 60_000_000
    assert not report.complete
    assert any("observed extent, not the request total" in w for w in report.warnings)


def test_a_server_span_without_its_caller_says_whose_part_of_the_request_is_seen():
    report = analyze([server("GET /", 10, 30, "f" * 16, service="shop")])

    assert report.warnings == (
        "what called shop is traced elsewhere, or has not ended: the total is the observed extent, "
        "not the request total",
    )
    assert not report.complete


def test_a_shared_trace_as_a_whole_is_no_single_request():
    tops = [server("GET /", at, at + 5, "f" * 16, request_id=f"r-{at}") for at in (10, 50)]
    report = analyze(tops)

    assert (report.request_id, report.root.name, report.status) == (None, "2 requests", None)


@pytest.mark.parametrize("parent_id", [None, "", "0" * 16])
def test_no_parent_is_written_in_three_ways(parent_id):
    assert tree_of(span("root", 0, 1, parent_id)).complete


def test_a_span_that_is_its_own_parent_is_cut_and_reported():
    root = server("root", 0, 100)
    report = analyze([root, span("self", 10, 20, "7", span_id="7")])

    assert report.warnings == ("the parents of span 7 form a cycle; it was cut",)
    assert [(off.name, off.reason) for off in report.spans_off_path] == [
        ("self", "it names itself as its parent")
    ]
    assert not report.complete


def test_a_cycle_beside_the_root_is_listed_for_what_it_is_and_no_parent_is_called_missing():
    root = server("root", 0, 100)
    ring = [span("a", 10, 90, "2", span_id="1"), span("b", 20, 80, "1", span_id="2")]
    report = analyze([root, *ring, span("lost", 30, 40, "f" * 16)])

    assert [(off.name, off.reason) for off in report.spans_off_path] == [
        ("a", "its parents form a cycle, which was cut here"),
        ("lost", "its parent span is missing"),
    ]
    assert [w for w in report.warnings if "missing" in w] == [
        "the parent span is missing of: api lost (left off the path)"
    ]


def test_a_cycle_is_cut_at_its_earliest_span():
    ring = [
        span("b", 20, 80, "1", span_id="2"),
        span("c", 30, 70, "2", span_id="3"),
        span("a", 10, 90, "3", span_id="1"),
    ]
    report = analyze(ring)

    assert [section.name for section in report.critical_path] == ["a", "b", "c", "b", "a"]
    assert report.warnings == (
        "the parents of span 1 form a cycle; it was cut",
        "no span is the request's first: the total is the observed extent, not the request total",
    )


def test_a_cycle_is_cut_there_even_if_an_earlier_span_hangs_on_it():
    ring = [span("a", 10, 90, "2", span_id="1"), span("b", 20, 80, "1", span_id="2")]
    report = analyze([span("early", 5, 30, "2"), *ring])

    assert report.root.name == "a"


def test_a_chain_of_twenty_thousand_spans_is_no_matter():
    depth = 20_000
    chain = [span("s", i, 2 * depth - i, f"{i}" if i else None, span_id=f"{i + 1}")
             for i in range(depth)]  # fmt: skip
    report = analyze(chain)

    assert sum(section.ns for section in report.critical_path) == report.total_ns
    assert len(report.timeline) == depth

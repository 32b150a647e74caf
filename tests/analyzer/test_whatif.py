from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_building import EPOCH, MS, TRACE, call, server, span, spans_of, worked_examples

from analyzer.phases import Interval, phases_of
from analyzer.span import Kind, Span
from analyzer.trace import grow, plant
from analyzer.whatif import simulate, without

CASES = [
    pytest.param(example, what_if, id=f"{example['name']} {what_if['zeroed']}×{what_if['factor']}")
    for example in worked_examples()
    for what_if in example["what_if"]
]


def tree_of(spans):
    return plant(grow(spans))


def scaled(names, factor):
    def own_time(node, start, end):
        return round((end - start) * (factor if node.span.span_id in names else 1))

    return own_time


@pytest.mark.parametrize(("example", "what_if"), CASES)
def test_the_worked_examples_take_what_was_worked_by_hand(example, what_if):
    tree = tree_of(spans_of(example))
    own_time = scaled(what_if["zeroed"], what_if["factor"])

    assert simulate(tree.root, own_time) == what_if["total"] * MS


@pytest.mark.parametrize("example", worked_examples(), ids=lambda example: example["name"])
def test_nothing_changed_takes_what_it_took(example):
    tree = tree_of(spans_of(example))

    assert simulate(tree.root, without({})) == example["total"] * MS


def test_what_ran_beside_something_slower_saves_nothing():
    root = server("in", 0, 100)
    fast, slow = span("fast", 10, 50, root), span("slow", 10, 80, root)
    tree = tree_of([root, fast, slow])

    assert simulate(tree.root, scaled({fast.span_id}, 0)) == 100 * MS


def test_time_cut_out_of_a_call_moves_its_server_forward():
    root = server("in", 0, 200, service="front")
    out = call(20, 180, root, {"dns": (20, 25), "connect": (25, 45), "tls": (45, 85)},
               service="front")  # fmt: skip
    tree = tree_of([root, out, server("in", 95, 165, out, service="back")])
    (node,) = (node for node in tree.nodes if node.span is out)
    cuts = {node: [Interval(p.start, p.end) for p in phases_of(node)]}

    assert simulate(tree.root, without(cuts)) == 135 * MS


@st.composite
def trees(draw):
    size = draw(st.integers(1, 10))
    spans = [Span(TRACE, "0", None, "root", Kind.SERVER, EPOCH, EPOCH + 200, "a")]
    for number in range(1, size):
        start, length = draw(st.integers(0, 180)), draw(st.integers(0, 100))
        parent = str(draw(st.integers(0, number - 1)))
        spans.append(
            Span(TRACE, str(number), parent, f"s{number}", Kind.INTERNAL, EPOCH + start,
                 EPOCH + start + length, "a")
        )  # fmt: skip
    return spans


@settings(deadline=None)
@given(trees(), st.sets(st.sampled_from("0123456789")), st.sampled_from([0, 0.5, 1]))
def test_less_work_never_takes_longer_and_no_less_work_takes_the_same(spans, names, factor):
    tree = tree_of(spans)
    imagined = simulate(tree.root, scaled(names, factor))

    assert 0 <= imagined <= tree.root.duration
    assert simulate(tree.root, without({})) == tree.root.duration
    assert simulate(tree.root, without({}), "truncate") == tree.root.duration

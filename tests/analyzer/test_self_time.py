from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_building import MS, server, span, spans_of, worked_examples

from analyzer.self_time import self_time
from analyzer.trace import grow


@pytest.mark.parametrize("example", worked_examples(), ids=lambda example: example["name"])
def test_the_worked_examples_have_the_self_time_worked_by_hand(example):
    nodes = grow(spans_of(example)).nodes

    worked = {name: ms * MS for name, ms in example["self_ms"].items()}
    assert {node.span.span_id: self_time(node) for node in nodes} == worked


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120)), max_size=8))
def test_self_time_is_the_time_that_no_child_covers(children):
    root = server("root", 0, 100)
    spans = [span("c", start, start + length, root) for start, length in children]
    (node,) = grow([root, *spans]).roots

    covered = {at for start, length in children for at in range(start, min(100, start + length))}
    assert self_time(node) == (100 - len(covered)) * MS

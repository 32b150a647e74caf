from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from trace_building import EPOCH, MS, attempts, call

from analyzer.phases import Interval, attempts_of, overlap, phases_of, union
from analyzer.trace import grow
from tracekit import attributes as a


def node_of(*spans):
    return next(node for node in grow(spans).nodes if node.span is spans[0])


def in_ms(phases):
    return [(p.name, (p.start - EPOCH) / MS, (p.end - EPOCH) / MS) for p in phases]


def test_phases_are_read_in_order_of_time():
    node = node_of(call(10, 90, None, {"wait": (40, 80), "connect": (10, 40)}))

    assert in_ms(phases_of(node)) == [("connect", 10, 40), ("wait", 40, 80)]


def test_what_lies_outside_the_span_is_clipped_and_what_is_empty_left_out():
    node = node_of(call(10, 90, None, {"dns": (5, 20), "wait": (50, 200), "send": (30, 30)}))

    assert in_ms(phases_of(node)) == [("dns", 10, 20), ("wait", 50, 90)]


def test_of_two_that_overlap_the_first_keeps_the_time():
    node = node_of(call(10, 90, None, {"dns": (10, 40), "connect": (30, 60), "tls": (35, 38)}))

    assert in_ms(phases_of(node)) == [("dns", 10, 40), ("connect", 40, 60)]


def test_a_late_body_is_a_receive_phase_after_the_span():
    out = call(10, 50, None, {"wait": (10, 50)})
    body = call(50, 90, out, name="receive", attributes={a.BODY_OF: out.span_id})

    assert in_ms(phases_of(node_of(out))) == [("wait", 10, 50)]
    assert node_of(out, body).end == EPOCH + 50 * MS, "a client span is never a body"


@given(st.dictionaries(st.sampled_from(a.PHASES), st.tuples(*[st.integers(0, 100)] * 2)))
def test_phases_never_overlap_and_never_leave_the_span(phases):
    node = node_of(call(10, 90, None, phases))
    cursor = node.start
    for phase in phases_of(node):
        assert cursor <= phase.start < phase.end
        cursor = phase.end
    assert cursor <= node.end


def test_attempts_are_read_from_parallel_arrays():
    tried = attempts(("::1", 0, 5, "timeout"), ("127.0.0.1", 5, 6, "ok"))
    first, second = attempts_of(node_of(call(10, 90, None, attributes=tried)))

    assert (first.address, first.outcome, first.end - first.start) == ("::1", "timeout", 5 * MS)
    assert second.start == EPOCH + 15 * MS


def test_arrays_of_different_lengths_give_the_attempts_they_have_in_common():
    tried = attempts(("::1", 0, 5, "timeout"), ("127.0.0.1", 5, 6, "ok"))
    tried[a.ATTEMPT_ENDS] = tried[a.ATTEMPT_ENDS][:1]

    assert len(attempts_of(node_of(call(10, 90, None, attributes=tried)))) == 1


def test_overlap_is_the_time_in_which_both_ran():
    first = [Interval(0, 10), Interval(20, 30)]

    assert overlap(first, [Interval(5, 25)]) == 10
    assert overlap(first, []) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10))))
def test_a_union_covers_each_moment_once(pairs):
    intervals = [Interval(start, start + length) for start, length in pairs]
    covered = union(intervals)

    assert all(one.end < other.start for one, other in pairwise(covered))
    moments = {moment for interval in intervals for moment in range(*interval)}
    assert {moment for interval in covered for moment in range(*interval)} == moments

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_building import EPOCH, MS, TRACE, call, server, span, spans_of, worked_examples

from analyzer.analysis import analyze
from analyzer.span import Kind, Span, Status
from tracekit import attributes as a


@pytest.fixture(params=worked_examples(), ids=lambda example: example["name"])
def example(request):
    return request.param


def sections_in_ms(report):
    return [(s.span_id, s.start_ns / MS, (s.start_ns + s.ns) / MS) for s in report.critical_path]


def test_the_worked_examples_have_the_path_worked_by_hand(example):
    report = analyze(spans_of(example))

    assert report.total_ns == example["total"] * MS
    backwards = [list(section) for section in reversed(sections_in_ms(report))]
    assert backwards == example["critical_path"]


def test_the_worked_examples_have_the_time_per_span_worked_by_hand(example):
    time: Counter[str] = Counter()
    for section in analyze(spans_of(example)).critical_path:
        time[section.span_id] += section.ns

    assert dict(time) == {name: ms * MS for name, ms in example["critical_ms"].items()}


def test_the_worked_examples_have_the_async_spans_worked_by_hand(example):
    report = analyze(spans_of(example))

    assert [off.span_id for off in report.spans_off_path] == example["not_on_path_async"]


def test_a_child_that_outlives_its_parent_is_off_the_path_and_says_by_how_much():
    root = server("root", 0, 100)
    report = analyze([root, span("task", 50, 130, root)])

    assert [s.name for s in report.critical_path] == ["root"]
    assert report.spans_off_path[0].reason == "async, outlives its parent by 30.0 ms"


def test_what_encloses_the_application_ends_just_after_the_last_byte_and_was_waited_for():
    root = server("root", 0, 100)
    around = span("around", 1, 104.9, root)
    report = analyze([root, around, span("work", 10, 90, around)])

    assert report.spans_off_path == ()
    assert [(s.name, s.ns // MS) for s in report.critical_path] == [
        ("root", 1),
        ("around", 9),
        ("work", 80),
        ("around", 10),
    ]


@pytest.mark.parametrize(
    "late",
    [
        {"end": 105.1},
        {"start": 96},
        {"kind": Kind.CLIENT},
        {"service": "other"},
        {"resource": {a.HOST_ID: "one-host", a.PROCESS_PID: 101}},
    ],
    ids=["much later", "mostly later", "a call", "another service", "another process"],
)
def test_what_else_ends_after_the_last_byte_was_not(late):
    root = server("root", 0, 100)
    report = analyze(
        [root, span(**{"name": "late", "start": 1, "end": 104.9, "parent": root} | late)]
    )

    assert [off.name for off in report.spans_off_path] == ["late"]


def test_within_other_work_nothing_ends_late():
    root = server("root", 0, 100)
    work = span("work", 10, 50, root)
    report = analyze([root, work, span("task", 11, 51, work)])

    assert [off.name for off in report.spans_off_path] == ["task"]


def test_truncate_cuts_it_at_its_parents_end_instead():
    root = server("root", 0, 100)
    report = analyze([root, span("task", 50, 130, root)], overflow="truncate")

    assert [(s.name, s.ns) for s in report.critical_path] == [("root", 50 * MS), ("task", 50 * MS)]
    assert report.spans_off_path == ()


def test_of_two_that_end_together_the_earlier_start_is_waited_for():
    root = server("root", 0, 100)
    report = analyze([root, span("short", 60, 90, root), span("long", 20, 90, root)])

    assert [s.name for s in report.critical_path] == ["root", "long", "root"]


def test_an_empty_span_is_never_on_the_path():
    root = server("root", 0, 100)
    report = analyze([root, span("instant", 50, 50, root)])

    assert [s.name for s in report.critical_path] == ["root"]


def test_a_server_that_closes_its_span_after_its_client_got_the_answer_was_waited_for():
    root = server("root", 0, 100, service="front")
    out = call(10, 90, root, service="front")
    report = analyze([root, out, server("in", 20, 90.2, out, service="back")])

    assert [s.name for s in report.critical_path] == ["root", "POST", "in", "root"]
    assert report.spans_off_path == ()


def test_background_work_after_the_answer_does_not_lengthen_the_path():
    root = server("root", 0, 100, service="front")
    out = call(10, 90, root, service="front")
    back = server("in", 20, 180, out, service="back")
    report = analyze([root, out, back, span("mail", 95, 175, back, service="back")])

    assert [(s.name, s.ns // MS) for s in report.critical_path][2] == ("in", 70)


def test_a_request_that_two_instrumentations_saw_is_on_the_path_though_the_inner_ends_later():
    outer = server("outer", 0, 100)
    inner = server("inner", 1, 180, outer)
    report = analyze([outer, inner, span("work", 10, 90, inner), span("mail", 100, 175, inner)])

    assert report.total_ns == 100 * MS
    assert [(s.name, s.ns // MS) for s in report.critical_path] == [
        ("outer", 10),
        ("work", 80),
        ("outer", 10),
    ]


def test_a_clock_of_whole_microseconds_may_show_a_child_one_longer():
    root = server("root", 0, 0.1)
    inner = span("inner", 0.05, 0.101, root)

    assert [s.name for s in analyze([root, inner]).critical_path] == ["root", "inner"]


def test_fifty_thousand_children_take_seconds():
    root = server("root", 0, 50_000)
    children = [span("c", i + 0.1, i + 0.9, root) for i in range(50_000)]
    report = analyze([root, *children])

    assert len(report.critical_path) == 100_001


@st.composite
def traces(draw):
    """Any spans at all: overlapping, outliving, empty, on several hosts, orphaned, in cycles."""
    size = draw(st.integers(1, 12))
    times = st.integers(0, 200)
    spans = []
    for number in range(size):
        start, length = draw(times), draw(st.integers(0, 120))
        parent = draw(st.none() | st.integers(0, size)) if number else None
        attributes = {}
        if draw(st.booleans()):
            attributes["tracekit.phase.wait"] = [draw(st.integers(-50, 200)) for _ in range(2)]
            attributes["tracekit.phase.dns"] = [draw(st.integers(-50, 200)) for _ in range(2)]
            attributes["tracekit.phase.receive"] = [draw(st.integers(-50, 200)) for _ in range(2)]
        spans.append(
            Span(
                TRACE, str(number), None if parent is None else str(parent), f"s{number}",
                draw(st.sampled_from(Kind)), EPOCH + start, EPOCH + start + length,
                draw(st.sampled_from("ab")), "r", draw(st.sampled_from(Status)),
                attributes=attributes,
                resource=draw(st.sampled_from([{}, {"host.id": "1"}, {"host.id": "2"}])),
            )
        )  # fmt: skip
    return draw(st.permutations(spans))


@settings(max_examples=400, deadline=None)
@given(traces(), st.sampled_from(["async", "truncate"]))
def test_the_sections_of_any_trace_partition_the_request(spans, overflow):
    report = analyze(spans, overflow=overflow)

    cursor = 0
    for section in report.critical_path:
        assert section.start_ns == cursor
        assert section.ns > 0
        cursor += section.ns
    assert cursor == report.total_ns
    assert sum(stage.ns for stage in report.stages) == report.total_ns
    assert all(stage.ns > 0 for stage in report.stages)


@settings(max_examples=100, deadline=None)
@given(traces(), st.randoms())
def test_the_order_in_which_spans_arrive_changes_nothing(spans, random):
    shuffled = list(spans)
    random.shuffle(shuffled)

    assert analyze(shuffled) == analyze(spans)

"""One request that two instrumentations saw is one server span."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from trace_building import MS, TRACE, call, server, span

from analyzer.analysis import analyze
from analyzer.decode.files import decode_line
from analyzer.span import Event, Kind
from tracekit import attributes as a

FASTAPI = Path(__file__).parent.parent / "data" / "fastapi.json"


def fastapi():
    """Return a real request's spans: tracekit's middleware around a FastAPI that traces itself."""
    return list(decode_line(FASTAPI.read_text()).spans)


def servers(report):
    return [(one.service, one.name) for one in report.service_facts]


def test_a_fastapi_service_stands_once_with_its_stages_below_it():
    spans = fastapi()
    assert len([one for one in spans if one.kind is Kind.SERVER]) == 2
    report = analyze(spans)

    assert servers(report) == [("fast", "POST /ask/{topic}")]
    rows = [(row.depth, row.label) for row in report.timeline]
    assert rows[:4] == [
        (0, "fast"),
        (1, "fastapi.dependencies"),
        (1, "fastapi.endpoint"),
        (2, "think"),
    ]
    assert [stage.stage for stage in report.stages].count("own time") == 1
    assert sum(stage.ns for stage in report.stages) == report.total_ns


def test_work_after_the_answer_is_told_as_such_from_both():
    report = analyze(fastapi())

    assert {(off.name, off.reason) for off in report.spans_off_path} == {
        ("background", "after the response"),
        ("fastapi.background_task", "after the response"),
    }
    assert report.service_facts[0].background_ns >= 50 * MS


def test_the_facts_of_the_inner_one_go_to_the_outer_counted_from_its_start():
    outer = server("POST", 0, 100, events=(Event("late", 9),))
    facts = {
        a.HTTP_ROUTE: "/hear",
        a.FIRST_BYTE: 40 * MS,
        a.REQUEST_BODY: [1 * MS, 5 * MS],
        a.HTTP_STATUS: 500,
    }
    inner = server("POST /hear", 2, 99, outer, attributes=facts, events=(Event("early", 3),))
    (service,) = analyze([outer, inner]).service_facts

    assert (service.name, service.status) == ("POST /hear", 200)
    assert service.response_body.headers_ns == 42 * MS
    assert (service.request_body.first_ns, service.request_body.ns) == (3 * MS, 4 * MS)


def test_three_layers_are_one_and_their_milestones_stay():
    outer = server("in", 0, 100)
    middle = server("in", 1, 99, outer)
    mark = Event("there", outer.start_ns + 50 * MS, {a.MILESTONE: True})
    inner = server("in", 2, 98, middle, events=(mark,))
    work = span("work", 10, 90, inner)
    report = analyze([outer, middle, inner, work])

    assert [(s.name, s.ns // MS) for s in report.critical_path] == [
        ("in", 10),
        ("work", 80),
        ("in", 10),
    ]
    assert [mark.name for mark in report.milestones] == ["there"]


def test_a_call_reaches_the_outer_one():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, {"wait": (10, 90)}, service="front")
    outer = server("in", 20, 80, out, service="back")
    report = analyze([root, out, outer, server("in", 21, 79, outer, service="back")])

    assert [edge.calls for edge in report.edges] == [1]
    assert {(s.service, s.stage): s.ns // MS for s in report.stages}["back", "own time"] == 60


@pytest.mark.parametrize(
    "difference",
    [
        {"service": "other"},
        {"resource": {a.HOST_ID: "one-host", a.PROCESS_PID: 101}},
        {"attributes": {a.URL_PATH: "/other"}},
        {"attributes": {a.HTTP_METHOD: "GET"}},
        {"attributes": {a.PEER_PORT: 2}},
    ],
    ids=["service", "process", "path", "method", "connection"],
)
def test_what_differs_is_another_request(difference):
    known = {a.URL_PATH: "/hear", a.HTTP_METHOD: "POST", a.PEER_PORT: 1}
    outer = server("in", 0, 100, attributes=known)
    twin = server("in", 1, 99, outer, attributes=known)
    assert len(servers(analyze([outer, twin]))) == 1

    changed = {**difference, "attributes": known | difference.get("attributes", {})}
    other = server("in", 1, 99, outer, **changed)
    assert len(servers(analyze([outer, other]))) == 2


def test_a_request_that_took_a_small_part_is_another_one():
    outer = server("in", 0, 100)

    assert len(servers(analyze([outer, server("in", 60, 99, outer)]))) == 2


def test_nothing_is_folded_into_a_span_of_another_trace():
    outer = server("in", 0, 100)
    other = replace(server("in", 1, 99, outer), trace_id=TRACE[::-1] + "b", request_id=None)

    assert len(servers(analyze([outer, other]))) == 2

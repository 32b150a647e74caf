"""One request that two instrumentations saw is one server span."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from trace_building import MS, TRACE, call, server, span

from analyzer.analysis import analyze
from analyzer.decode.files import decode_line
from analyzer.span import Event, Kind, Status
from analyzer.trace import grow
from analyzer.twins import fold
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
    assert [row.error for row in analyze([outer, inner]).timeline] == [True]
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


def test_behind_a_slow_middleware_a_small_part_of_the_same_path_is_the_same_request():
    known = {a.URL_PATH: "/hear", a.HTTP_METHOD: "POST"}
    outer = server("in", 0, 100, attributes=known | {a.PEER_PORT: 1})
    late = server("in", 90, 99, outer, attributes=known)
    assert len(servers(analyze([outer, late]))) == 1

    own = server("in", 101, 120, outer, attributes=known)
    assert len(servers(analyze([outer, own]))) == 2


def test_nothing_is_folded_into_a_span_of_another_trace():
    outer = server("in", 0, 100)
    other = replace(server("in", 1, 99, outer), trace_id=TRACE[::-1] + "b", request_id=None)

    assert len(servers(analyze([outer, other]))) == 2


MIDDLEWARE = {"http.method": "POST", "http.target": "/hear?x=1", "net.peer.port": 1}


def middleware(start, end, outer, name="POST /hear", **attributes):
    """Return the span that OpenTelemetry's middleware opens inside another of the request."""
    return span(name, start, end, outer, attributes=MIDDLEWARE | attributes)


def test_a_middleware_that_opens_an_internal_span_is_the_same_request():
    known = {a.URL_PATH: "/hear", a.HTTP_METHOD: "POST", a.PEER_PORT: 1}
    outer = server("in", 0, 100, attributes=known)
    inner = middleware(1, 100.04, outer)
    innermost = server("in", 2, 100.06, inner, attributes={a.URL_PATH: "/hear"})
    report = analyze([outer, inner, innermost, span("work", 10, 90, innermost)])

    assert [row.label for row in report.timeline] == ["api", "work"]
    assert {stage.stage: stage.ns // MS for stage in report.stages} == {"own time": 20, "work": 80}
    assert report.spans_off_path == ()


@pytest.mark.parametrize(
    "difference",
    [{"http.method": None}, {"http.target": None}, {"http.target": "/other"}, {"net.peer.port": 2}],
    ids=["no method", "no path", "another path", "another connection"],
)
def test_an_internal_span_that_says_no_such_request_is_a_stage(difference):
    known = {a.URL_PATH: "/hear", a.HTTP_METHOD: "POST", a.PEER_PORT: 1}
    outer = server("in", 0, 100, attributes=known)

    assert len(analyze([outer, middleware(1, 99, outer)]).timeline) == 1
    assert len(analyze([outer, middleware(1, 99, outer, **difference)]).timeline) == 2


@pytest.mark.parametrize(
    ("resource", "number"),
    [
        ({}, 2),
        ({a.PROCESS_PID: 1}, 2),
        ({a.HOST_NAME: "one"}, 2),
        ({a.HOST_NAME: "one", a.PROCESS_PID: 1}, 1),
        ({a.SERVICE_INSTANCE_ID: "x"}, 1),
    ],
    ids=["nothing", "no host", "no process", "both", "instance"],
)
def test_two_hops_are_one_only_if_the_process_is_known(resource, number):
    outer = server("in", 0, 100, resource=resource)
    inner = server("in", 1, 99, outer, resource=resource)

    assert len(servers(analyze([outer, inner]))) == number


@pytest.mark.parametrize(("queued", "left"), [(40, 10), (20, 0)])
def test_the_inner_ones_queue_is_shorter_by_what_the_outer_one_was_at_work(queued, left):
    outer = server("in", 0, 100)
    facts = {a.QUEUE: queued * MS, a.QUEUE_SOURCE: "tcp_info"}
    spans = [outer, server("in", 30, 100, outer, attributes=facts)]
    forest = grow(spans)
    fold(forest)

    assert [node.span.attributes[a.QUEUE] for node in forest.nodes] == [left * MS]
    assert analyze(spans).queued_before_ns == left * MS


def test_the_outer_ones_own_queue_stays():
    outer = server("in", 0, 100, attributes={a.QUEUE: 7 * MS})
    inner = server("in", 30, 100, outer, attributes={a.QUEUE: 40 * MS})

    assert analyze([outer, inner]).queued_before_ns == 7 * MS


def test_the_inner_ones_error_is_the_requests():
    outer = server("in", 0, 100)
    facts = {"status": Status.ERROR, "attributes": {a.ERROR_TYPE: "ValueError"}}
    report = analyze([outer, server("in", 1, 99, outer, **facts)])

    assert [row.error for row in report.timeline] == [True]
    assert [service.error for service in report.service_facts] == ["ValueError"]


def test_a_client_that_left_is_no_error_though_the_inner_one_takes_it_for_one():
    outer = server("in", 0, 100, attributes={a.ENDED: "client_left"})
    facts = {"status": Status.ERROR, "attributes": {a.ERROR_TYPE: "ConnectionError"}}
    report = analyze([outer, server("in", 1, 99, outer, **facts)])

    assert [row.error for row in report.timeline] == [False]
    assert [service.error for service in report.service_facts] == [None]


def test_the_outer_ones_error_keeps_its_words():
    told = [
        (outer, inner)
        for outer in (Status.ERROR, Status.UNSET)
        for inner in (Status.ERROR, Status.OK)
    ]
    found = []
    for outer_status, inner_status in told:
        outer = server("in", 0, 100, status=outer_status, status_message="outer")
        inner = server("in", 1, 99, outer, status=inner_status, status_message="inner")
        forest = grow([outer, inner])
        fold(forest)
        (node,) = forest.nodes
        found.append((node.span.status, node.span.status_message))

    assert found == [
        (Status.ERROR, "outer"),
        (Status.ERROR, "outer"),
        (Status.ERROR, "inner"),
        (Status.UNSET, "outer"),
    ]


def test_the_request_id_of_the_inner_one_is_the_requests():
    outer = server("in", 0, 100, request_id=None)

    assert analyze([outer, server("in", 1, 99, outer)]).request_id == "req-1"

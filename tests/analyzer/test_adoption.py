from __future__ import annotations

import pytest
from trace_building import call, server

from analyzer.analysis import analyze

OTHER = "b" * 32


def front(*calls):
    root = server("POST /begin", 0, 100, service="front")
    return [root, *(call(start, end, root, service="front") for start, end in calls)]


def behind(start, end, **more):
    fields = {"service": "back", "trace_id": OTHER, **more}
    return server("POST /finish", start, end, **fields)


def test_a_server_behind_a_service_without_tracing_joins_the_call_around_it():
    report = analyze([*front((10, 90)), behind(30, 70)])

    assert report.complete
    assert [(s.name, s.service) for s in report.critical_path][2] == ("POST /finish", "back")
    assert "by their request ID" in report.warnings[0]


def test_of_several_calls_around_it_the_shortest_is_taken():
    spans = front((10, 90), (20, 80))
    report = analyze([*spans, behind(30, 70)])

    assert report.edges[-1].server == "back" or report.edges[0].server == "back"
    path = [s.span_id for s in report.critical_path]
    assert spans[2].span_id not in path[:2]
    assert {e.server for e in report.edges} == {"back", "back:80"}


def test_a_middle_service_that_calls_twice_has_both_joined():
    report = analyze([*front((10, 90)), behind(20, 40), behind(50, 80, trace_id="c" * 32)])

    assert report.complete
    assert len(report.edges) == 1


def test_a_chain_behind_the_middle_is_joined_link_by_link():
    middle = behind(20, 80)
    onward = call(30, 70, middle, service="back", trace_id=OTHER)
    last = server("POST /last", 40, 60, service="deep", trace_id="c" * 32)
    report = analyze([*front((10, 90)), middle, onward, last])

    assert report.complete
    assert report.services == ("front", "back", "deep")
    assert {(e.client, e.server) for e in report.edges} == {("front", "back"), ("back", "deep")}


@pytest.mark.parametrize(
    "spans",
    [
        [*front((10, 90)), behind(30, 95)],
        [*front((10, 90)), behind(30, 70, service="front")],
        [*front((10, 90)), behind(30, 70, request_id="other")],
        [*front((10, 90)), behind(30, 70, request_id=None)],
    ],
    ids=["not inside", "same service", "another request", "no request ID"],
)
def test_what_does_not_fit_stays_a_root_of_its_own(spans):
    report = analyze(spans)

    assert not report.complete
    assert any("no parent" in warning for warning in report.warnings)


def test_a_call_that_already_reached_its_server_takes_no_other():
    spans = front((10, 90))
    reached = server("in", 20, 80, spans[1], service="middle")

    assert not analyze([*spans, reached, behind(30, 70)]).complete

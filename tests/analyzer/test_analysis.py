from __future__ import annotations

import pytest
from trace_building import EPOCH, MS, TRACE, server, span

from analyzer.analysis import analyze
from analyzer.errors import BadInput
from analyzer.report import Milestone, Root
from analyzer.span import Event
from tracekit import attributes as a


def test_the_report_says_which_request_it_is():
    root = server("POST", 0, 100, service="stt",
                  attributes={a.HTTP_ROUTE: "/hear", a.HTTP_STATUS: 503})  # fmt: skip
    late = span("b", 50, 60, root, service="tts")
    report = analyze([late, root, span("a", 10, 20, root, service="prep")])

    assert report.root == Root("stt", "POST /hear")
    assert (report.request_id, report.trace_id) == ("req-1", TRACE)
    assert (report.start_unix_ns, report.total_ns) == (EPOCH, 100 * MS)
    assert report.status == 503
    assert report.services == ("stt", "prep", "tts")
    assert report.complete
    assert report.warnings == ()


def test_a_request_id_on_any_span_is_found():
    root = server("in", 0, 100, request_id=None)

    assert analyze([root, span("a", 1, 2, root)]).request_id == "req-1"
    assert analyze([root]).request_id is None


def test_milestones_count_from_the_start_and_move_with_their_clock():
    root = server("in", 0, 100, resource={a.HOST_ID: "a"})
    mark = Event("first_audio", EPOCH + 1050 * MS, {a.MILESTONE: True})
    log = Event("log", EPOCH + 1060 * MS)
    child = span("speak", 1010, 1090, root, service="tts", resource={a.HOST_ID: "b"},
                 events=(mark, log))  # fmt: skip

    assert analyze([root, child]).milestones == (Milestone("tts", "first_audio", 50 * MS),)


def test_spans_that_a_service_dropped_are_warned_of():
    root = server("in", 0, 100, resource={a.HOST_ID: "h", a.DROPPED_SPANS: 12})

    assert analyze([root]).warnings == (
        "api had dropped 12 spans by then: some of this request may be missing",
    )


def test_a_request_of_no_length_is_analysed():
    report = analyze([server("in", 5, 5)])

    assert (report.total_ns, report.stages, report.critical_path) == (0, (), ())


def test_no_spans_are_no_request():
    with pytest.raises(BadInput):
        analyze([])


def test_an_end_before_the_start_counts_as_no_length():
    root = server("in", 0, 100)
    report = analyze([root, span("odd", 50, 40, root)])

    assert report.total_ns == sum(stage.ns for stage in report.stages) == 100 * MS


@pytest.mark.parametrize(
    ("first", "rooted", "route_known"),
    [
        (server("POST /hear", 0, 100), True, True),
        (span("job", 0, 100), True, True),
        (server("POST /speak", 0, 100, "f" * 16), False, True),
        (span("finalize", 0, 100, "f" * 16), False, False),
    ],
    ids=["server", "script", "server below one that is missing", "stage of one that is missing"],
)
def test_a_request_without_its_root_is_known_only_by_a_server_span(first, rooted, route_known):
    report = analyze([first, server("in", 10, 20, first)])

    assert (report.rooted, report.route_known) == (rooted, route_known)

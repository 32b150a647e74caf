from __future__ import annotations

import pytest
from trace_building import MS, call, server, span

from analyzer.analysis import analyze
from analyzer.span import Kind
from tracekit import attributes as a

PHASES = {"send": (11, 12), "wait": (12, 40), "receive": (40, 180)}


def path_of(report):
    return [(s.name, s.start_ns // MS, (s.start_ns + s.ns) // MS) for s in report.critical_path]


def stages_of(report):
    return {(stage.service, stage.stage): stage.ns // MS for stage in report.stages}


@pytest.fixture
def root():
    return server("GET /chat", 0, 200)


def test_a_stage_waits_for_the_headers_and_the_request_for_the_rest(root):
    stage = span("llm", 10, 50, root)
    report = analyze([root, stage, call(11, 180, stage, PHASES)])

    assert path_of(report) == [
        ("GET /chat", 0, 10), ("llm", 10, 11), ("POST", 11, 50), ("POST", 50, 180),
        ("GET /chat", 180, 200),
    ]  # fmt: skip
    assert stages_of(report) == {
        ("api", "own time"): 30, ("api", "llm"): 1,
        ("api", "send"): 1, ("api", "wait"): 28, ("api", "receive"): 140,
    }  # fmt: skip
    assert report.spans_off_path == ()


def test_what_the_stages_above_do_meanwhile_is_theirs(root):
    outer = span("endpoint", 5, 60, root)
    stage = span("llm", 10, 50, outer)
    report = analyze([root, outer, stage, call(11, 180, stage, PHASES)])

    assert path_of(report)[-4:] == [
        ("POST", 11, 50), ("endpoint", 50, 60), ("POST", 60, 180), ("GET /chat", 180, 200),
    ]  # fmt: skip


def test_the_service_called_stays_on_the_path(root):
    stage = span("llm", 10, 50, root)
    sent = call(11, 180, stage, PHASES)
    report = analyze([root, stage, sent, server("POST", 13, 179, sent, service="model")])

    assert stages_of(report)["model", "own time"] == 166


def test_a_stall_in_the_rest_is_found(root):
    stage = span("llm", 10, 50, root)
    stalls = {a.BODY_STALLS: 1, a.BODY_STALL_STARTS: [60 * MS], a.BODY_STALL_LENGTHS: [100 * MS]}
    chunks = {a.BODY_CHUNKS: 5, a.BODY_GAP_P50: 5 * MS, a.BODY_COMPLETE: True}
    told = call(11, 180, stage, PHASES, attributes=stalls | chunks)
    report = analyze([root, stage, told])

    assert "stream-stalls" in [finding.rule for finding in report.findings]


def test_a_body_with_a_span_of_its_own_is_handed_over_too(root):
    stage = span("llm", 10, 50, root)
    sent = call(11, 40, stage, {"wait": (12, 40)})
    body = span("body", 40, 180, stage, attributes={a.BODY_OF: sent.span_id})
    report = analyze([root, stage, sent, body])

    assert stages_of(report)["api", "receive"] == 140


def test_a_call_whose_headers_come_after_its_stage_was_not_waited_for(root):
    stage = span("llm", 10, 30, root)
    report = analyze([root, stage, call(11, 180, stage, PHASES)])

    assert [off.name for off in report.spans_off_path] == ["POST"]


def test_a_call_that_outlives_the_request_was_not_waited_for(root):
    stage = span("llm", 10, 50, root)
    longer = PHASES | {"receive": (40, 260)}
    report = analyze([root, stage, call(11, 260, stage, longer)])

    assert [off.name for off in report.spans_off_path] == ["POST"]


def test_a_call_that_is_closed_just_after_the_request_was_waited_for(root):
    stage = span("llm", 10, 50, root)
    report = analyze([root, stage, call(11, 204, stage, PHASES | {"receive": (40, 204)})])

    assert path_of(report)[-1] == ("POST", 50, 200)


@pytest.mark.parametrize("caller", ["front", "api"])
def test_nobody_takes_over_in_the_service_that_called_even_if_it_is_the_same(caller):
    front = server("GET /", 0, 200, service=caller)
    asked = call(1, 199, front, {"wait": (2, 60), "receive": (60, 199)}, service=caller)
    back = server("GET /chat", 3, 60, asked)
    stage = span("llm", 10, 50, back)
    report = analyze([front, asked, back, stage, call(11, 180, stage, PHASES)])

    assert [off.name for off in report.spans_off_path] == ["POST"]


def test_truncated_a_call_ends_with_its_stage(root):
    stage = span("llm", 10, 50, root)
    report = analyze([root, stage, call(11, 180, stage, PHASES)], overflow="truncate")

    assert path_of(report)[-1] == ("GET /chat", 50, 200)


def test_listening_for_the_clients_leaving_is_no_work(root):
    """OpenTelemetry's ASGI instrumentation gives ``receive`` a span."""
    listening = {"asgi.event.type": "http.disconnect"}
    spans = [
        root,
        call(11, 180, root, PHASES),
        span("GET /chat http receive", 20, 199, root, Kind.INTERNAL, attributes=listening),
    ]
    report = analyze(spans)

    assert stages_of(report)["api", "receive"] == 140
    (off,) = report.spans_off_path
    assert off.reason == "listened for the client's leaving"

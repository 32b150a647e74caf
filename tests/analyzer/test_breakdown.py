from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_building import MS, UNANSWERED, call, server, span

from analyzer.analysis import analyze
from analyzer.report import Stage
from analyzer.span import Kind
from tracekit import attributes as a

PHASES = {
    "pool": (10, 12),
    "dns": (12, 17),
    "connect": (17, 37),
    "tls": (37, 57),
    "send": (57, 58),
    "wait": (58, 88),
    "receive": (88, 90),
}


def stages(*spans, **options):
    found = analyze(spans, **options).stages
    return {(s.service, s.stage, s.peer): s.ns / MS for s in found}


def test_a_call_to_a_traced_service_is_cut_into_its_phases_and_the_network():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, PHASES, service="front")
    found = stages(root, out, server("in", 60, 85, out, service="back"))

    assert found == {
        ("front", "pool wait", "back"): 2,
        ("front", "dns", "back"): 5,
        ("front", "connect", "back"): 20,
        ("front", "tls", "back"): 20,
        ("front", "send", "back"): 1,
        ("front", "network", "back"): 5,
        ("front", "receive", "back"): 2,
        ("back", "own time", None): 25,
        ("front", "own time", None): 20,
    }


def test_a_tunnel_through_a_proxy_is_a_stage_and_part_of_the_connections_cost():
    root = server("in", 0, 100, service="front")
    phases = {"connect": (10, 15), "proxy": (15, 40), "tls": (40, 50), "wait": (50, 90)}
    spans = [root, call(10, 90, root, phases, service="front")]

    assert stages(*spans)["front", "proxy", "back:80"] == 25
    assert analyze(spans).connection_overhead_ns == 40 * MS


def test_what_follows_a_redirect_did_not_back_off():
    root = server("in", 0, 100, service="front")
    moved = call(10, 20, root, {"wait": (10, 20)}, attributes={a.HTTP_STATUS: 302})
    sent_again = {a.HTTP_RESEND_COUNT: 1, a.REDIRECT: 1}
    there = call(25, 40, root, {"wait": (25, 40)}, attributes=sent_again)

    assert not any(stage == "backoff" for _, stage, _ in stages(root, moved, there))


def test_the_wait_for_a_server_that_sent_no_span_is_a_wait_for_its_address():
    root = server("in", 0, 100, service="front")
    found = stages(root, call(10, 90, root, PHASES, service="front"))

    assert found["front", "wait", "back:80"] == 30


def test_time_that_no_phase_covers_is_unattributed_and_comes_last():
    root = server("in", 0, 100)
    report = analyze([root, call(1, 99, root, {"wait": (60, 98)})])

    last = report.stages[-1]
    assert (last.stage, last.kind, last.ns) == ("not accounted for", "unattributed", 60 * MS)


def test_a_call_without_phases_is_named_by_its_span():
    root = server("in", 0, 100)
    query = span("SELECT users", 20, 80, root, Kind.CLIENT)

    assert stages(root, query)["api", "SELECT users", "unknown"] == 60


def test_a_named_stage_stands_under_its_own_name_and_the_rest_is_own_time():
    root = server("in", 0, 100)
    found = stages(root, span("classify", 10, 40, root), span("classify", 50, 60, root))

    assert found == {("api", "classify", None): 40, ("api", "own time", None): 60}


def test_a_request_begun_by_hand_has_own_time_too():
    root = span("utterance", 0, 100)

    assert stages(root, span("listen", 0, 90, root))["api", "own time", None] == 10


def test_the_pause_between_attempts_is_backoff():
    root = server("in", 0, 1000)
    tries = [
        call(10, 310, root, **UNANSWERED),
        call(410, 710, root, status=UNANSWERED["status"],
             attributes={a.HTTP_STATUS: None, a.HTTP_RESEND_COUNT: 1}),
        call(910, 990, root, attributes={a.HTTP_RESEND_COUNT: 2}),
    ]  # fmt: skip
    found = stages(root, *tries)

    assert found["api", "backoff", "back:80"] == 300
    assert found["api", "own time", None] == 20


def test_retries_side_by_side_share_their_pauses_without_counting_twice():
    root = server("in", 0, 100)
    again = {a.HTTP_RESEND_COUNT: 1}
    other = {a.SERVER_ADDRESS: "other"}
    found = stages(
        root,
        call(0, 10, root),
        call(0, 20, root, attributes=other),
        call(50, 60, root, attributes=again),
        call(55, 100, root, attributes=again | other),
    )

    assert sum(ns for (_, stage, _), ns in found.items() if stage == "backoff") == 35
    assert sum(found.values()) == 100


def test_two_calls_in_a_row_are_not_a_retry():
    root = server("in", 0, 100)
    found = stages(root, call(10, 20, root), call(50, 60, root))

    assert found["api", "own time", None] == 80


def test_waiting_for_a_server_that_outlived_its_client_has_a_bucket_of_its_own():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, {"send": (10, 20), "wait": (20, 90)}, service="front", **UNANSWERED)
    found = stages(root, out, server("slow", 30, 500, out, service="back"))

    assert found["front", "network", "back"] == 10
    assert found["front", "server outlived client", "back"] == 60
    assert ("back", "own time", None) not in found


def test_only_the_wait_is_in_that_bucket():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, {"send": (10, 20), "wait": (20, 90)}, service="front", **UNANSWERED)
    found = stages(root, out, server("slow", 15, 500, out, service="back"))

    assert found["front", "send", "back"] == 10
    assert found["front", "server outlived client", "back"] == 70


def test_a_late_body_is_the_calls_receive_phase_and_lengthens_it():
    root = server("in", 0, 100, service="front")
    out = call(10, 50, root, {"wait": (10, 50)}, service="front")
    body = span("receive", 50, 90, out, service="front", attributes={a.BODY_OF: out.span_id})
    report = analyze([root, out, body])

    assert stages(root, out, body)["front", "receive", "back:80"] == 40
    assert report.edges[0].receive_ns == 40 * MS
    assert {section.span_id for section in report.critical_path} == {root.span_id, out.span_id}


def test_a_body_read_after_its_stage_ended_does_not_push_the_call_off_the_path():
    root = server("in", 0, 100, service="front")
    stage = span("fetch", 10, 50, root, service="front")
    out = call(10, 50, stage, {"wait": (10, 50)}, service="front")
    body = span("receive", 50, 90, out, service="front", attributes={a.BODY_OF: out.span_id})

    assert stages(root, stage, out, body)["front", "wait", "back:80"] == 40


def test_connection_overhead_is_what_a_ready_connection_would_not_have_cost():
    root = server("in", 0, 100)

    assert analyze([root, call(10, 90, root, PHASES)]).connection_overhead_ns == 47 * MS


def test_stages_are_sorted_by_time_and_their_shares_sum_to_one():
    root = server("in", 0, 100)
    report = analyze([root, call(10, 90, root, PHASES)])

    times = [stage.ns for stage in report.stages]
    assert times == sorted(times, reverse=True)
    assert sum(stage.share for stage in report.stages) == pytest.approx(1)
    assert report.stages[0] == Stage("api", "wait", "wait", 30 * MS, 0.3, "back:80")


words = st.text("-019x٣ ", max_size=4)
anything = st.one_of(
    st.none(),
    words,
    st.booleans(),
    st.integers(),
    st.floats(),
    st.lists(st.one_of(st.integers(-(2**70), 2**70), st.floats(), words), max_size=4),
    st.lists(st.integers(-50 * MS, 150 * MS), min_size=2, max_size=2),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(a.PHASES), anything), st.booleans())
def test_whatever_the_phase_attributes_hold_the_stages_sum_to_the_total(phases, traced):
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, service="front",
               attributes={a.phase(name): value for name, value in phases.items()})  # fmt: skip
    spans = [root, out, *([server("in", 30, 70, out, service="back")] if traced else [])]
    report = analyze(spans)

    assert sum(stage.ns for stage in report.stages) == report.total_ns == 100 * MS


@settings(deadline=None)
@given(*(anything for _ in range(4)))
def test_whatever_the_attempts_hold_the_analysis_answers(addresses, starts, ends, outcomes):
    root = server("in", 0, 100)
    tried = {
        a.ATTEMPT_ADDRESSES: addresses, a.ATTEMPT_STARTS: starts, a.ATTEMPT_ENDS: ends,
        a.ATTEMPT_OUTCOMES: outcomes,
    }  # fmt: skip
    report = analyze([root, call(10, 90, root, PHASES, attributes=tried)])

    assert report.total_ns == 100 * MS
    assert all(row.start_ns >= 0 and row.ns >= 0 for row in report.timeline)


def test_numbers_written_as_text_or_as_doubles_are_read():
    root = span("in", 0, 100)
    foreign = {a.phase("wait"): ["0", str(40 * MS)], a.phase("receive"): [40.0 * MS, 50.0 * MS]}
    found = stages(root, call(10, 90, root, attributes=foreign))

    assert found["api", "wait", "back:80"] == 40
    assert found["api", "receive", "back:80"] == 10

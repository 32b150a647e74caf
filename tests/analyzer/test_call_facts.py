from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_building import MS, UNANSWERED, attempts, call, server, span

from analyzer.analysis import analyze
from analyzer.quality import quality_of
from analyzer.span import Kind
from tracekit import attributes as a


def facts(*spans):
    (found,) = analyze(spans).calls
    return found


def told(phases=None, start=10, end=90, **attributes):
    root = server("in", 0, 100)
    return facts(root, call(start, end, root, phases or {}, attributes=attributes))


def test_a_call_is_told_with_its_parties_and_its_place_on_the_path():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, {"wait": (10, 90)}, service="front")
    found = facts(root, out, server("in", 12, 88, out, service="back"))

    assert (found.client, found.server, found.on_path) == ("front", "back", True)
    assert (found.method, found.path, found.status) == ("POST", "/process", 200)
    assert (found.start_ns, found.ns) == (10 * MS, 80 * MS)


def test_a_call_beside_the_path_is_told_to_be():
    root = server("in", 0, 100)
    first, longer = (call(10, end, root, {"wait": (10, end)}) for end in (50, 90))

    assert [it.on_path for it in analyze([root, first, longer]).calls] == [False, True]


def test_the_outer_span_of_a_call_is_not_a_call_of_its_own():
    root = server("in", 0, 100)
    outer = span("chat", 10, 90, root, Kind.CLIENT)

    assert len(analyze([root, outer, call(11, 89, outer)]).calls) == 1


def test_what_no_phase_explains_is_derived_and_of_a_call_without_phases_unknown():
    found = told({"send": (10, 20), "wait": (25, 80)})

    assert found.unexplained_ns == 15 * MS
    assert quality_of(found)["unexplained_ns"] == "derived"
    assert told().unexplained_ns is None
    assert "unexplained_ns" not in quality_of(told())


bounds = st.tuples(st.integers(-20, 120), st.integers(-20, 120))


@given(st.dictionaries(st.sampled_from(a.PHASES), bounds))
def test_phases_and_the_unexplained_rest_sum_to_the_call_whatever_was_sent(phases):
    found = told({name: (10 + start, 10 + end) for name, (start, end) in phases.items()})

    rest = found.ns if found.unexplained_ns is None else found.unexplained_ns
    assert sum(phase.ns for phase in found.phases) + rest == found.ns == 80 * MS


def test_derived_phases_and_an_inferred_state_are_said_to_be():
    found = told(
        {"tls": (10, 30), "wait": (30, 90)},
        **{
            a.DERIVED: ["tls"],
            a.INFERRED: ["state"],
            a.TLS_SETUP: 5 * MS,
            a.CONNECTION_STATE: "new",
            a.CONNECTION_USE: 1,
        },
    )

    assert quality_of(found)["phases.tls"] == "derived"
    assert quality_of(found)["connection.tls_setup_ns"] == "derived"
    assert quality_of(found)["phases.wait"] == "measured"
    assert quality_of(found)["connection.state"] == "inferred"
    assert quality_of(found)["connection.use"] == "inferred"


def test_quality_names_what_is_known_and_nothing_else():
    found = told({"wait": (10, 90)}, **{a.TCP_RTT: 40_000})

    assert quality_of(found)["connection.rtt_ns"] == "measured"
    assert "connection.age_ns" not in quality_of(found)
    assert "body.chunks" not in quality_of(found)


@pytest.mark.parametrize(
    ("attributes", "error", "phase"),
    [
        ({a.ERROR_TYPE: "ReadTimeout", a.ERROR_PHASE: "wait"}, "ReadTimeout", "wait"),
        ({a.ERROR_TYPE: "503", a.HTTP_STATUS: 503}, None, None),
        ({}, None, None),
    ],
)
def test_an_error_is_told_with_its_phase_and_an_error_status_is_only_a_status(
    attributes, error, phase
):
    found = told({"wait": (10, 90)}, **attributes)

    assert (found.error, found.error_phase) == (error, phase)
    assert found.is_troubled == bool(attributes)


def test_both_ends_of_the_connection_are_told_with_their_ports():
    ends = {a.LOCAL_ADDRESS: "::1", a.LOCAL_PORT: 5, a.PEER_ADDRESS: "10.0.0.1", a.PEER_PORT: 80}
    connection = told(**ends).connection

    assert (connection.local, connection.peer) == ("[::1]:5", "10.0.0.1:80")


def test_addresses_tried_are_told_with_their_outcomes():
    tried = attempts(("::1", 0, 20, "timeout"), ("127.0.0.1", 20, 21, "ok"))
    found = told({"connect": (10, 31), "wait": (31, 90)}, **tried)

    assert [(at.address, at.ns, at.outcome) for at in found.attempts] == [
        ("::1", 20 * MS, "timeout"),
        ("127.0.0.1", MS, "ok"),
    ]
    assert found.is_troubled


STREAM = {
    a.BODY_CHUNKS: 40,
    a.BODY_UNIT: "chunks",
    a.BODY_BYTES: 900,
    a.BODY_FIRST_CHUNK: 30 * MS,
    a.BODY_GAP_P50: 10 * MS,
    a.BODY_GAP_P95: 20 * MS,
    a.BODY_LARGEST_GAP: 300 * MS,
    a.BODY_STALLS: 1,
    a.BODY_STALL_TIME: 300 * MS,
    a.BODY_STALL_STARTS: [40 * MS],
    a.BODY_STALL_LENGTHS: [30 * MS],
    a.BODY_CONSUMER: 2 * MS,
    a.BODY_COMPLETE: True,
}


def test_a_stream_is_told_with_its_first_pieces_gaps_and_stalls():
    body = told({"wait": (10, 30), "receive": (30, 90)}, **STREAM).body

    assert (body.headers_ns, body.first_chunk_ns) == (20 * MS, 30 * MS)
    assert (body.gap_p50_ns, body.gap_p95_ns, body.largest_gap_ns) == (10 * MS, 20 * MS, 300 * MS)
    assert [(stall.start_ns, stall.ns) for stall in body.stalls_at] == [(50 * MS, 30 * MS)]
    assert (body.ended, body.held_ns) == ("complete", 2 * MS)


def test_a_body_on_a_late_child_counts_from_the_call_too():
    root = server("in", 0, 500)
    out = call(10, 30, root, {"wait": (10, 30)})
    late = span("receive", 30, 400, out, attributes={**STREAM, a.BODY_OF: out.span_id})
    body = facts(root, out, late).body

    assert (body.headers_ns, body.first_chunk_ns) == (20 * MS, 50 * MS)
    assert [stall.start_ns for stall in body.stalls_at] == [70 * MS]


@pytest.mark.parametrize(
    ("attributes", "ended"),
    [
        ({a.BODY_COMPLETE: True}, "complete"),
        ({a.BODY_COMPLETE: False}, "reader left"),
        ({a.BODY_COMPLETE: False, a.ERROR_TYPE: "ProtocolError"}, "broken off"),
        ({a.BODY_COMPLETE: False, a.ERROR_TYPE: "500", a.HTTP_STATUS: 500}, "reader left"),
        ({a.BODY_BYTES: 5}, None),
    ],
)
def test_how_a_body_ended_is_told(attributes, ended):
    assert told({"receive": (30, 90)}, **attributes).body.ended == ended


def test_of_a_very_long_stream_the_percentiles_are_of_a_sample():
    few = told({"receive": (30, 90)}, **STREAM)
    many = told({"receive": (30, 90)}, **{**STREAM, a.BODY_CHUNKS: 9_000})

    assert quality_of(few)["body.gap_p95_ns"] == "measured"
    assert quality_of(many)["body.gap_p95_ns"] == "derived"
    assert quality_of(many)["body.largest_gap_ns"] == "measured"


@pytest.mark.parametrize("value", ["", [], {}, None, 1.5, True, [None], "x"])
def test_attributes_that_make_no_sense_are_left_out(value):
    names = [
        *STREAM, a.CONNECTION_STATE, a.CONNECTION_USE, a.DERIVED, a.INFERRED, a.DNS_ADDRESSES,
        a.TCP_RTT, a.PEER_ADDRESS, a.PEER_PORT, a.REDIRECT, a.ERROR_TYPE, a.TLS_RESUMED,
    ]  # fmt: skip
    found = told({"wait": (10, 90)}, **dict.fromkeys(names, value))

    assert found.connection.use is None
    assert found.ns == 80 * MS


def test_a_call_that_got_no_answer_is_told_without_a_status():
    root = server("in", 0, 100)

    assert facts(root, call(10, 90, root, **UNANSWERED)).status is None

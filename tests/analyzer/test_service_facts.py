"""What the spans of a service say of its own side of the request."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_building import MS, call, server, span

from analyzer.analysis import analyze
from analyzer.service import PeerFacts, WebSocketFacts
from analyzer.span import Kind
from tracekit import attributes as a

SAYS = {
    a.ENDED: "client_left",
    a.QUEUE: 208 * MS,
    a.QUEUE_SOURCE: "tcp_info",
    a.REQUEST_BODY: [2 * MS, 12 * MS],
    a.REQUEST_BODY_WAIT: 8 * MS,
    a.REQUEST_BODY_BYTES: 1000,
    a.FIRST_BYTE: 30 * MS,
    a.BODY_BYTES: 120,
    a.BODY_CHUNKS: 20,
    a.BODY_FIRST_CHUNK: 31 * MS,
    a.BODY_GAP_P50: 3 * MS,
    a.BODY_GAP_P95: 9 * MS,
    a.BODY_LARGEST_GAP: 40 * MS,
    a.BODY_CONSUMER: 5 * MS,
    a.LOOP_LAG: 7 * MS,
    a.LOOP_LAG_LARGEST: 6 * MS,
    a.GC_TIME: 2 * MS,
    a.PEER_CONNECTION: "reused",
    a.PEER_USE: 3,
    a.PROTOCOL_VERSION: "1.1",
    a.PEER_ADDRESS: "10.0.0.7",
}


def only(*spans):
    (facts,) = analyze(spans).service_facts
    return facts


def test_every_attribute_of_a_server_span_is_a_fact():
    facts = only(server("POST /hear", 0, 100, attributes=SAYS))
    read, sent = facts.request_body, facts.response_body

    assert (facts.ended, facts.status, facts.queued_ns) == ("client left", 200, 208 * MS)
    assert (read.first_ns, read.ns, read.waited_ns, read.bytes) == (2 * MS, 10 * MS, 8 * MS, 1000)
    assert (sent.headers_ns, sent.first_chunk_ns, sent.bytes, sent.chunks) == (
        30 * MS, 31 * MS, 120, 20,
    )  # fmt: skip
    assert (sent.gap_p50_ns, sent.gap_p95_ns, sent.largest_gap_ns) == (3 * MS, 9 * MS, 40 * MS)
    assert (sent.held_ns, facts.gc_ns) == (5 * MS, 2 * MS)
    assert (facts.loop_lag_ns, facts.largest_lag_ns) == (7 * MS, 6 * MS)
    assert facts.peer == PeerFacts("reused", 3, "1.1", "10.0.0.7")


def test_what_is_not_said_is_not_known():
    facts = only(server("in", 0, 100))

    assert (facts.ended, facts.queued_ns, facts.background_ns) == (None, None, None)
    assert (facts.request_body, facts.response_body, facts.websocket) == (None, None, None)


@pytest.mark.parametrize(
    ("source", "quality"),
    [("x-request-start", "derived"), ("tcp_info", "measured")],
)
def test_a_queue_is_known_as_well_as_who_told_it(source, quality):
    told = {a.QUEUE: MS, a.QUEUE_SOURCE: source}

    assert only(server("in", 0, 100, attributes=told)).quality("queued_ns") == quality


def test_a_queue_that_cannot_be_is_kept_apart():
    told = {a.QUEUE: 61_000 * MS, a.QUEUE_SOURCE: "x-request-start"}
    facts = only(server("in", 0, 100, attributes=told))

    assert (facts.queued_ns, facts.unbelieved_queue_ns) == (None, 61_000 * MS)


def test_whose_connection_it_was_is_inferred():
    facts = only(server("in", 0, 100, attributes=SAYS))

    assert facts.quality("peer.state") == facts.quality("peer.use") == "inferred"
    assert facts.quality("loop_lag_ns") == "measured"


def test_a_websockets_messages_are_counted_each_way():
    told = {
        a.WEBSOCKET_RECEIVED: 12,
        a.WEBSOCKET_SENT: 3,
        a.WEBSOCKET_RECEIVED_BYTES: 240,
        a.WEBSOCKET_SENT_BYTES: 96,
        a.WEBSOCKET_CLOSE: 1001,
    }

    assert only(server("in", 0, 9, attributes=told)).websocket == WebSocketFacts(
        12, 3, 240, 96, 1001
    )


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        (1000, "complete"),
        (1001, "complete"),
        (1005, "complete"),
        (1006, "client left"),
        (4000, "client left"),
    ],
)
def test_who_closes_a_websocket_has_not_left_it(code, ended):
    told = {a.ENDED: "client_left", a.WEBSOCKET_SENT: 1, a.WEBSOCKET_CLOSE: code}

    assert only(server("in", 0, 9, attributes=told)).ended == ended


def test_the_background_is_the_time_that_the_process_worked_on():
    root = server("in", 0, 100)
    marked = {a.BACKGROUND: True}
    after = span("background", 100, 160, root, attributes=marked)
    failed = {**marked, a.ERROR_TYPE: "ValueError"}
    later = span("later", 500, 510, root)
    facts = only(root, after, span("background", 150, 190, root, attributes=failed), later)

    assert (facts.background_ns, facts.background_error) == (100 * MS, "ValueError")


@pytest.mark.parametrize("resource", [{a.HOST_ID: "one-host", a.PROCESS_PID: 101}, {}])
def test_what_another_or_an_unknown_process_does_later_is_no_background(resource):
    root = server("in", 0, 100, resource=resource if not resource else {a.HOST_ID: "h"})
    report = analyze([root, span("speak", 60_000, 61_000, root, resource=resource)])

    assert report.service_facts[0].background_ns is None


def test_a_span_that_began_before_the_answer_is_no_background():
    root = server("in", 0, 100)
    report = analyze([root, span("save", 90, 150, root)])

    assert report.service_facts[0].background_ns is None
    assert report.spans_off_path[0].reason.startswith("async")


def test_each_service_is_told_in_order_of_time_and_whether_it_was_waited_for():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, service="front")
    late = call(95, 150, root, service="front", name="late")
    spans = [
        root, out, late,
        server("a", 20, 80, out, service="back"), server("b", 100, 140, late, service="other"),
    ]  # fmt: skip
    facts = analyze(spans).service_facts

    assert [(one.service, one.on_path) for one in facts] == [
        ("front", True), ("back", True), ("other", False),
    ]  # fmt: skip


def test_a_request_begun_by_hand_is_told_of_and_a_call_that_begins_one_is_not():
    by_hand = span("job", 0, 100, attributes={a.GC_TIME: 9 * MS})
    assert only(by_hand).gc_ns == 9 * MS
    assert analyze([span("GET", 0, 100, kind=Kind.CLIENT)]).service_facts == ()


MORE = (
    a.BODY_STALLS,
    a.BODY_STALL_STARTS,
    a.BODY_STALL_LENGTHS,
    a.BACKGROUND,
    a.WEBSOCKET_SENT,
)
words = st.text(max_size=5)
anything = st.one_of(
    st.none(), words, st.booleans(), st.integers(), st.floats(),
    st.lists(st.one_of(st.integers(), st.floats(), words), max_size=3),
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*SAYS, *MORE]), anything))
def test_whatever_a_server_span_holds_the_analysis_answers(attributes):
    root = server("in", 0, 100, attributes=attributes)
    inner = server("in", 1, 99, root, attributes=attributes)
    out = call(10, 90, inner, {"wait": (10, 90)})
    back = server("in", 30, 60, out, service="back", attributes=attributes)
    report = analyze([root, inner, out, back, span("b", 100, 120, root, attributes=attributes)])

    assert sum(stage.ns for stage in report.stages) == report.total_ns == 100 * MS
    assert all(finding.cost_ns >= 0 for finding in report.findings)

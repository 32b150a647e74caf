from __future__ import annotations

from findings_building import found
from trace_building import MS, UNANSWERED, call, server, span

from tracekit import attributes as a

RULE = "client-left"


def left(end, parent=None, **facts):
    known = {a.ENDED: "client_left", a.HTTP_STATUS: None, **facts}
    start = 20 if parent else 0
    service = "back" if parent else "front"
    return server("in", start, end, parent, attributes=known, service=service)


def test_a_client_that_left_before_the_answer_cost_the_request():
    root = left(300)
    (finding,) = found(RULE, [root, span("think", 10, 290, root, service="front")])

    assert (finding.cost_ns, finding.fatal) == (300 * MS, True)
    assert finding.title == "The client left before front answered"
    assert finding.evidence[1] == "Most of that time front was in think."


def test_an_answer_given_away_as_the_request_ended_came_too_late():
    assert len(found(RULE, [left(300, **{a.FIRST_BYTE: 299 * MS, a.BODY_CHUNKS: 1})])) == 1


def test_just_before_the_end_is_the_last_fifty_milliseconds():
    assert len(found(RULE, [left(300, **{a.FIRST_BYTE: 250 * MS, a.BODY_CHUNKS: 1})])) == 1
    assert found(RULE, [left(300, **{a.FIRST_BYTE: 249 * MS, a.BODY_CHUNKS: 1})]) == []


def test_a_websocket_has_no_answer_to_wait_for():
    assert found(RULE, [left(300, **{a.WEBSOCKET_SENT: 3, a.WEBSOCKET_CLOSE: 1006})]) == []


def test_who_leaves_a_stream_may_have_had_enough():
    assert found(RULE, [left(300, **{a.FIRST_BYTE: 5 * MS, a.BODY_CHUNKS: 9})]) == []
    assert found(RULE, [left(300, **{a.FIRST_BYTE: 299 * MS, a.BODY_CHUNKS: 2})]) == []


def test_a_service_that_its_caller_gave_up_cost_what_the_caller_waited():
    root = server("in", 0, 500, service="front")
    out = call(10, 400, root, {"wait": (10, 400)}, service="front", **UNANSWERED)
    (finding,) = found(RULE, [root, out, left(450, out)])

    assert finding.title == "The client left before back answered"
    assert (finding.cost_ns, finding.fatal) == (380 * MS, False)


def test_who_got_the_answer_did_not_leave_before_it():
    assert found(RULE, [server("in", 0, 100, attributes={a.ENDED: "complete"})]) == []

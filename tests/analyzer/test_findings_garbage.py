from __future__ import annotations

from findings_building import found
from trace_building import MS, call, server

from tracekit import attributes as a

RULE = "garbage"


def test_a_service_that_collects_for_a_tenth_of_its_request_is_named():
    (finding,) = found(RULE, [server("in", 0, 100, attributes={a.GC_TIME: 30 * MS})])

    assert finding.cost_ns == 30 * MS
    assert finding.evidence[0] == "It took 30.0 ms, 30.0 % of the request's 100 ms there."
    assert "gc.freeze()" in finding.fix[0]


def test_it_costs_no_more_than_the_request_spent_in_that_service():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, service="front")
    back = server("in", 20, 80, out, service="back", attributes={a.GC_TIME: 90 * MS})
    (finding,) = found(RULE, [root, out, back])

    assert finding.cost_ns == 60 * MS


def test_a_service_that_calls_itself_is_told_of_the_request_that_collected():
    root = server("in", 0, 100)
    out = call(10, 90, root)
    (finding,) = found(RULE, [root, out, server("in", 20, 80, out, attributes={a.GC_TIME: 9 * MS})])

    assert "of the request's 60.0 ms there" in finding.evidence[0]


def test_one_collection_that_two_requests_of_a_process_met_counts_once():
    outer = server("in", 0, 100, attributes={a.GC_TIME: 60 * MS})
    below = call(10, 90, outer)
    inner = server("in", 20, 80, below, attributes={a.GC_TIME: 60 * MS})
    (finding,) = found(RULE, [outer, below, inner])

    assert (finding.cost_ns, finding.at_most) == (60 * MS, True)
    assert "2 requests to the process met that" in finding.evidence[0]


def test_less_than_a_tenth_is_not_worth_a_word():
    assert found(RULE, [server("in", 0, 100, attributes={a.GC_TIME: 9 * MS})]) == []

from __future__ import annotations

from dataclasses import replace

from findings_building import found
from trace_building import MS, call, server, span

from tracekit import attributes as a

RULE = "queued"


def waited(ms, source="tcp_info", **more):
    return {a.QUEUE: ms * MS, a.QUEUE_SOURCE: source, **more}


def called(*backs, wait=(10, 90)):
    root = server("in", 0, 100, service="front")
    out = call(5, 95, root, {"wait": wait} if wait else None, service="front")
    return [root, out, *(server("in", *b[:2], out, service="back", attributes=b[2]) for b in backs)]


def test_a_call_that_waited_at_its_server_is_named_with_what_that_cost():
    (finding,) = found(RULE, called((60, 85, waited(40))))

    assert finding.title == "Calls wait before back takes them up"
    assert (finding.cost_ns, finding.saving_ns) == (40 * MS, 40 * MS)
    assert finding.evidence == (
        "One call waited 40.0 ms first.",
        "At least about that: so long the service's kernel had the last piece of it, in ticks of "
        "up to 4 ms.",
    )
    assert finding.fix[1].startswith("uvicorn --workers")


def test_it_costs_no_more_than_the_wait_holds():
    (finding,) = found(RULE, called((60, 85, waited(500))))

    assert finding.cost_ns == 50 * MS
    assert finding.evidence[0] == "One call waited 50.0 ms first."


def test_the_call_that_kept_the_process_busy_is_named():
    spans = called((10, 50, {}), (55, 85, waited(40)))
    spans.append(span("compute", 11, 49, spans[2], service="back"))
    (finding,) = found(RULE, spans)

    assert finding.evidence[1] == (
        "Its process had another call of this request meanwhile: back was in compute."
    )


def test_a_call_to_another_process_is_not():
    spans = called((10, 50, {}), (55, 85, waited(40)))
    spans[2] = replace(spans[2], resource={a.HOST_ID: "one-host", a.PROCESS_PID: 101})
    (finding,) = found(RULE, spans)

    assert "meanwhile" not in " ".join(finding.evidence)


def test_a_requests_own_queue_is_said_to_be_beside_its_total():
    (finding,) = found(RULE, [server("in", 0, 100, attributes=waited(300, "x-request-start"))])

    assert (finding.cost_ns, finding.share) == (300 * MS, 0.75)
    assert "not in the request's 100 ms" in finding.evidence[0]
    assert finding.evidence[1].startswith("Likely, if both clocks agree")


def test_what_only_a_wrong_clock_can_say_is_left_out():
    assert len(found(RULE, [server("in", 0, 9, attributes=waited(60_000, "x-request-start"))])) == 1
    assert found(RULE, [server("in", 0, 9, attributes=waited(60_001, "x-request-start"))]) == []


def test_a_caller_without_phases_waited_as_well():
    (finding,) = found(RULE, called((60, 85, waited(40)), wait=None))

    assert (finding.cost_ns, finding.saving_ns) == (40 * MS, 40 * MS)


def test_a_caller_whose_client_is_not_traced_waited_as_well():
    root = server("in", 0, 100, service="front")
    back = server("in", 60, 85, root, service="back", attributes=waited(40))
    (finding,) = found(RULE, [root, back])

    assert (finding.cost_ns, finding.saving_ns) == (40 * MS, 40 * MS)


def test_the_first_of_several_roots_is_the_requests_own_queue():
    first, second = server("a", 0, 100, attributes=waited(300)), server("b", 150, 200)
    (finding,) = found(RULE, [first, second])

    assert (finding.cost_ns, finding.share) == (300 * MS, 0.6)
    assert "not in the request's 200 ms" in finding.evidence[0]


def test_where_the_loop_was_held_the_fix_is_another():
    attributes = waited(300, **{a.LOOP_LAG: 30 * MS})
    (finding,) = found(RULE, [server("in", 0, 100, attributes=attributes)])

    assert "event loop" in " ".join(finding.evidence)
    assert "asyncio.to_thread" in finding.fix[1]


def test_a_few_milliseconds_are_not_worth_a_word():
    assert found(RULE, [server("in", 0, 100, attributes=waited(4))]) == []


def test_two_ticks_of_the_kernel_are_no_evidence_and_three_are():
    assert found(RULE, [server("in", 0, 100, attributes=waited(8))]) == []
    assert found(RULE, called((60, 85, waited(8)))) == []
    assert len(found(RULE, [server("in", 0, 100, attributes=waited(12))])) == 1
    assert len(found(RULE, called((60, 85, waited(12))))) == 1


def test_a_proxys_clock_has_no_ticks():
    assert len(found(RULE, [server("in", 0, 100, attributes=waited(8, "x-request-start"))])) == 1

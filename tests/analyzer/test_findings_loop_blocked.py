from __future__ import annotations

from dataclasses import replace

import pytest
from findings_building import found
from trace_building import MS, call, server, span

from analyzer.analysis import analyze
from tracekit import attributes as a

RULE = "loop-blocked"


ON_LOOP = {a.LOOP: 1}
HELD = {a.LOOP: 1, a.LOOP_HELD: True}
ALONE = {a.LOOP: 1, a.LOOP_ALONE: True}
ELSEWHERE = {a.LOOP: 2, a.LOOP_HELD: True}
"""On another loop of the process: one that a thread runs, say."""


def held(total, lag, largest=None, at=0, said=ON_LOOP, **more):
    """Return a server span whose loop ran late; *said* is what it says of that."""
    lags = {a.LOOP_LAG: lag * MS, a.LOOP_LAG_LARGEST: (largest or lag) * MS}
    return server("in", at, at + total, attributes={**lags, **said}, **more)


def blocking(start, end, root, library="urllib3", said=HELD):
    place = {a.CODE_FILE: "app.py", a.CODE_LINE: 41, a.CODE_FUNCTION: "forward"}
    return call(start, end, root, attributes={a.CLIENT_LIBRARY: library, **place, **said})


def accuses_nobody(finding):
    """Tell whether *finding* says what was measured and names no code of the request."""
    return (
        finding.where is None
        and finding.at_most
        and len(finding.evidence) == 2
        and finding.evidence[1].startswith("Likely the code of another request in the same process")
        and finding.fix[0].endswith("tracekit list --service api")
        and not any("await" in line for line in finding.fix)
    )


def test_a_client_that_blocks_is_named_with_its_line():
    root = held(200, 90)
    (finding,) = found(RULE, [root, blocking(10, 100, root), span("think", 110, 190, root)])

    assert finding.cost_ns == 90 * MS
    assert finding.where == "app.py:41 in forward()"
    assert finding.evidence[1] == (
        "Likely: the call to back:80 took 90.0 ms, and urllib3 blocks its thread."
    )
    assert "httpx.AsyncClient()" in finding.fix[0]
    assert "await client.post(URL)" in finding.fix[1]
    assert "to_thread(requests.post, URL)" in finding.fix[2]


def test_a_library_that_has_clients_of_both_kinds_is_told_by_the_call():
    root = held(200, 90)
    (finding,) = found(RULE, [root, blocking(10, 100, root, "httpx")])

    assert finding.where == "app.py:41 in forward()"
    assert "to_thread(httpx.post, URL)" in finding.fix[2]


@pytest.mark.parametrize("said", [{}, ELSEWHERE], ids=["in a thread", "on another loop"])
@pytest.mark.parametrize("library", ["urllib3", "httpx"])
def test_a_call_that_did_not_run_on_the_loop_is_innocent(library, said):
    root = held(200, 190)
    (finding,) = found(RULE, [root, blocking(5, 195, root, library, said)])

    assert accuses_nobody(finding)


@pytest.mark.parametrize("said", [{}, ELSEWHERE], ids=["in a thread", "on another loop"])
def test_a_stage_that_did_not_run_on_the_loop_is_innocent(said):
    root = held(200, 190)
    (finding,) = found(RULE, [root, span("think", 5, 195, root, attributes=said)])

    assert accuses_nobody(finding)


def test_the_code_of_a_request_is_innocent_beside_others():
    (finding,) = found(RULE, [held(200, 190)])

    assert accuses_nobody(finding)


def test_spans_that_say_nothing_of_a_loop_accuse_nobody():
    root = held(200, 190, said={})
    spans = [blocking(0, 95, root, said={}), span("think", 5, 195, root, attributes=HELD)]
    (finding,) = found(RULE, [root, *spans])

    assert accuses_nobody(finding)


def test_what_another_process_says_of_its_own_loop_does_not_count():
    root = held(200, 190)
    other = {a.HOST_ID: "one-host", a.PROCESS_PID: 101}
    (finding,) = found(RULE, [root, span("job", 5, 195, root, attributes=HELD, resource=other)])

    assert accuses_nobody(finding)


def making(**said):
    return {
        a.CLIENT_LIBRARY: "httpx",
        a.CLIENT_SETUP: 70 * MS,
        a.CLIENT_AGE: 1 * MS,
        a.CLIENT_FILE: "app.py",
        a.CLIENT_LINE: 7,
        **said,
    }


def test_making_a_client_is_named_where_it_was_made():
    root = held(200, 60)
    made = making(**{a.CLIENT_LOOP: 1})
    (finding,) = found(RULE, [root, call(80, 190, root, attributes=made)])

    assert finding.where == "app.py:7"
    assert finding.evidence[1].startswith("Likely: making its httpx client took 70.0 ms")


def test_making_a_client_in_a_thread_is_innocent():
    root = held(200, 60)
    (finding,) = found(RULE, [root, call(80, 190, root, attributes=making())])

    assert accuses_nobody(finding)


def test_a_stage_of_that_length_is_named():
    root = held(200, 120, 110)
    compute = span("compute", 10, 125, root, attributes=HELD)
    (finding,) = found(RULE, [root, compute, span("other", 130, 190, root)])

    assert "120 ms of the request's 200 ms, 110 ms of it at once" in finding.evidence[0]
    assert finding.evidence[1] == "Likely: compute took 115 ms of its own."
    assert finding.evidence[2] == "Another request in the process may have done it instead."
    assert "what compute does" in finding.fix[0]


def test_a_stage_that_let_the_loop_run_beside_others_is_only_possible():
    root = held(200, 190)
    (finding,) = found(RULE, [root, span("wait", 5, 195, root, attributes=ON_LOOP)])

    assert finding.evidence[1] == "Possibly wait: it took 190 ms, some of that perhaps awaiting."
    assert finding.evidence[2] == "Another request in the process may have done it instead."
    assert "wait" not in " ".join(line.replace("await", "") for line in finding.fix)


def test_a_stage_that_let_the_loop_run_is_likely_if_nobody_else_was_served():
    root = held(400, 190, said=ALONE)
    (finding,) = found(RULE, [root, span("think", 5, 200, root, attributes=ON_LOOP)])

    assert finding.evidence[1] == "Likely: think took 195 ms of its own."
    assert not any("Another request" in line for line in finding.evidence)


def test_what_let_nothing_else_run_comes_before_what_may_have_awaited():
    root = held(400, 190)
    wait = span("wait", 5, 195, root, attributes=ON_LOOP)
    (finding,) = found(RULE, [root, wait, span("compute", 196, 395, root, attributes=HELD)])

    assert finding.evidence[1] == "Likely: compute took 199 ms of its own."


def test_a_stage_that_took_much_longer_may_have_awaited():
    root = held(1000, 100, said=ALONE)
    (finding,) = found(RULE, [root, span("load", 10, 990, root, attributes=ON_LOOP)])

    assert finding.evidence[1] == "Possibly load: it took 980 ms, some of that perhaps awaiting."
    assert "PYTHONASYNCIODEBUG" in finding.fix[1]


def test_a_blocking_call_that_took_much_longer_did_not_hold_the_loop():
    root = held(1000, 60)
    (finding,) = found(RULE, [root, blocking(10, 990, root)])

    assert "blocks its thread" not in finding.evidence[1]


def test_code_in_no_stage_is_told_with_its_request():
    (doubted,) = found(RULE, [held(200, 60, said=ALONE)])
    (likely,) = found(RULE, [held(200, 195, said=HELD)])

    assert likely.evidence[2] == "Another request in the process may have done it instead."
    assert doubted.evidence[1].startswith("Possibly the code of in in no stage: it took 200 ms")
    assert likely.evidence[1] == "Likely: the code of in in no stage took 200 ms of its own."
    assert likely.fix[0].startswith("await asyncio.to_thread")


def test_code_that_may_have_run_in_a_thread_is_likely_if_nobody_else_was_served():
    (finding,) = found(RULE, [held(200, 195, said=ALONE)])

    assert finding.evidence[1] == (
        "Likely: the code of in in no stage took 200 ms of its own, and the loop served no other "
        "request."
    )
    assert finding.fix[1] == "if a thread computes so long: let another process do that"


def test_several_parts_of_a_request_that_held_the_loop_are_told_together():
    root = held(200, 190, said=HELD)
    parts = [blocking(start, start + 48, root) for start in (1, 50, 100, 150)]
    (finding,) = found(RULE, [root, *parts])

    assert finding.evidence[1].startswith("Likely several parts of this request: the loop had")


def test_a_request_alone_with_work_in_a_thread_is_not_told_to_look_for_others():
    root = held(200, 190, said=ALONE)
    (finding,) = found(RULE, [root, span("think", 5, 195, root)])

    assert finding.evidence[1].startswith("The loop served no other request. Likely several parts")
    assert "think" not in " ".join((*finding.evidence, *finding.fix))
    assert not any("tracekit list" in line for line in finding.fix)


def test_what_a_framework_makes_around_the_code_is_not_named():
    root = held(200, 195, said=HELD)
    (finding,) = found(RULE, [root, span("fastapi.endpoint", 1, 199, root, scope="fastapi")])

    assert "fastapi" not in " ".join((*finding.evidence, *finding.fix))
    assert finding.evidence[1].startswith("Likely: the code of in in no stage took 200 ms")


def test_threads_and_the_machine_are_said_to_make_a_loop_late_as_well():
    (finding,) = found(RULE, [held(200, 90, said=ALONE)])

    assert "no other coroutine ran meanwhile" in finding.evidence[0]
    assert finding.evidence[-1].startswith("Threads that compute, and a busy machine")


def within(lag, largest=None, **more):
    root = held(600, lag, largest)
    out = call(395, 600, root)
    return [root, out, held(200, 200, parent=out, at=398, **more)]


def test_one_lag_of_two_requests_in_a_process_counts_once():
    (finding,) = found(RULE, within(214, 200))

    assert (finding.cost_ns, finding.at_most) == (214 * MS, True)
    assert finding.evidence[1].startswith("2 requests to the process met that")
    assert finding.evidence[2].startswith("Likely the code of another request")


def test_the_request_in_the_process_that_took_as_long_is_named():
    (finding,) = found(RULE, within(214, 200, said=HELD))

    assert finding.evidence[2] == "Likely: the code of in in no stage took 200 ms of its own."


def test_two_processes_are_told_apart():
    other = {a.HOST_ID: "one-host", a.PROCESS_PID: 101}

    assert [f.cost_ns for f in found(RULE, within(100, resource=other))] == [200 * MS, 100 * MS]


def test_lags_one_after_the_other_add_up():
    root = server("in", 0, 500, service="front")
    calls = [call(start, start + 200, root, service="front") for start in (0, 250)]
    backs = [held(200, 150, parent=out, at=at) for out, at in zip(calls, (0, 250), strict=True)]
    (finding,) = found(RULE, [root, *calls, *backs])

    assert finding.cost_ns == 300 * MS


def test_a_bound_stands_below_what_was_measured():
    root = held(600, 300)
    queued = {a.QUEUE: 12 * MS, a.QUEUE_SOURCE: "tcp_info"}
    root = replace(root, attributes={**root.attributes, **queued})
    report = analyze([root])

    assert [finding.rule for finding in report.findings] == ["queued", RULE]


def test_it_costs_no_more_than_the_request_spent_in_that_service():
    root = server("in", 0, 100, service="front")
    out = call(10, 90, root, service="front")
    back = held(30, 60, parent=out, service="back")
    (finding,) = found(RULE, [root, out, back])

    assert finding.cost_ns <= 30 * MS


def test_a_short_lag_of_a_long_request_is_not_worth_a_word():
    assert found(RULE, [held(1000, 49)]) == []
    assert found(RULE, [held(60_000, 500)]) == []
    assert len(found(RULE, [held(1000, 50)])) == 1


def test_a_lag_of_a_tenth_of_the_request_is():
    assert len(found(RULE, [held(100, 10)])) == 1


def test_of_stages_that_ran_side_by_side_neither_is_named_alone():
    root = held(200, 100, said=ALONE)
    innocent = span("innocent", 10, 111, root, attributes=HELD)
    guilty = span("guilty", 10.1, 140, root, attributes=ON_LOOP)
    (finding,) = found(RULE, [root, innocent, guilty])

    assert finding.evidence[1] == "Likely innocent or guilty, which ran side by side."


def test_a_stage_within_another_is_not_beside_it():
    root = held(300, 100, said=ALONE)
    outer = span("outer", 10, 250, root, attributes=ON_LOOP)
    inner = span("inner", 20, 125, outer, attributes=HELD)
    (finding,) = found(RULE, [root, outer, inner])

    assert finding.evidence[1] == "Likely: inner took 105 ms of its own."

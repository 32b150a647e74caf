from __future__ import annotations

from findings_building import found
from trace_building import MS, call, server, span

from tracekit import attributes as a

RULE = "loop-blocked"


def held(total, lag, largest=None, **more):
    lags = {a.LOOP_LAG: lag * MS, a.LOOP_LAG_LARGEST: (largest or lag) * MS}
    return server("in", 0, total, attributes=lags, **more)


def blocking(start, end, root, library="urllib3"):
    place = {a.CODE_FILE: "app.py", a.CODE_LINE: 41, a.CODE_FUNCTION: "forward"}
    return call(start, end, root, attributes={a.CLIENT_LIBRARY: library, **place})


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


def test_a_client_that_awaits_is_innocent():
    root = held(200, 90)
    (finding,) = found(RULE, [root, blocking(0, 190, root, "httpx")])

    assert finding.where is None
    assert finding.evidence[1].startswith("Likely another request's work")


def test_making_a_client_is_named_where_it_was_made():
    made = {
        a.CLIENT_LIBRARY: "httpx",
        a.CLIENT_SETUP: 70 * MS,
        a.CLIENT_AGE: 1 * MS,
        a.CLIENT_FILE: "app.py",
        a.CLIENT_LINE: 7,
    }
    root = held(200, 60)
    (finding,) = found(RULE, [root, call(80, 190, root, attributes=made)])

    assert finding.where == "app.py:7"
    assert finding.evidence[1].startswith("Likely: making its httpx client took 70.0 ms")


def test_a_stage_of_that_length_is_named():
    root = held(200, 120, 110)
    (finding,) = found(RULE, [root, span("compute", 10, 125, root), span("other", 130, 190, root)])

    assert "120 ms of the request's 200 ms, 110 ms of it at once" in finding.evidence[0]
    assert finding.evidence[1] == "Likely: compute took 115 ms of its own."
    assert "what compute does" in finding.fix[0]


def test_code_in_no_stage_is_possible():
    (finding,) = found(RULE, [held(200, 60)])

    assert finding.evidence[1].startswith("Possibly its own code: 200 ms of it")
    assert "PYTHONASYNCIODEBUG" in finding.fix[1]


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

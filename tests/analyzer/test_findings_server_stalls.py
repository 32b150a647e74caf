from __future__ import annotations

from findings_building import found
from trace_building import MS, call, server, span

from tracekit import attributes as a

RULE = "stream-stalls"


def stalled(at, length):
    return {
        a.BODY_CHUNKS: 40,
        a.BODY_GAP_P50: 10 * MS,
        a.BODY_STALLS: 1,
        a.BODY_STALL_STARTS: [at * MS],
        a.BODY_STALL_LENGTHS: [length * MS],
    }


def test_a_stream_that_no_traced_client_read_is_told_by_its_service():
    root = server("in", 0, 1000, attributes=stalled(100, 200))
    (finding,) = found(RULE, [root, span("search", 105, 300, root)])

    assert finding.title == "The stream that api sends stalls"
    assert (finding.cost_ns, finding.saving_ns) == (200 * MS, 190 * MS)
    assert finding.evidence[0] == "1 stall took 200 ms in a stream with a median gap of 10.0 ms."
    assert finding.evidence[1].endswith("api was in search meanwhile.")
    assert not any("stage" in line for line in finding.fix)


def test_where_no_stage_tells_what_it_was_one_is_proposed():
    (finding,) = found(RULE, [server("in", 0, 1000, attributes=stalled(100, 200))])

    assert "tracekit.stage" in finding.fix[-1]


def test_what_the_caller_saw_stall_is_told_once():
    root = server("in", 0, 1000, service="front")
    phases = {"wait": (10, 20), "receive": (20, 950)}
    out = call(10, 950, root, phases, service="front", attributes=stalled(105, 200))
    back = server("in", 12, 940, out, service="back", attributes=stalled(100, 200))
    (finding,) = found(RULE, [root, out, back])

    assert finding.title == "The stream from back stalls"


def test_a_stall_that_the_service_was_itself_kept_waiting_for_is_told_there():
    root = server("in", 0, 1000, attributes=stalled(100, 200))
    phases = {"wait": (10, 20), "receive": (20, 950)}
    out = call(10, 950, root, phases, attributes=stalled(95, 195))
    (finding,) = found(RULE, [root, out])

    assert finding.title == "The stream from back:80 stalls"


def test_a_stall_that_a_call_explains_half_of_is_told_there():
    def titles(calls_stall):
        root = server("in", 0, 1000, attributes=stalled(100, 200))
        phases = {"wait": (10, 20), "receive": (20, 950)}
        out = call(10, 950, root, phases, attributes=stalled(95, calls_stall))
        return [finding.title for finding in found(RULE, [root, out])]

    assert titles(100) == ["The stream from back:80 stalls"]  # that is of 105 to 205 ms
    assert "The stream that api sends stalls" in titles(90)

from __future__ import annotations

from findings_building import found, handled
from trace_building import MS, call, server, span

from tracekit import attributes as a

RULE = "stream-stalls"


def streaming(start, end, *stalls, headers=5, **more):
    """A stream whose stalls are (start, length) in ms from the call's start."""
    attributes = {
        a.BODY_CHUNKS: 40,
        a.BODY_GAP_P50: 10 * MS,
        a.BODY_STALLS: len(stalls) or None,
        a.BODY_STALL_TIME: sum(length for _, length in stalls) * MS or None,
        a.BODY_STALL_STARTS: [at * MS for at, _ in stalls],
        a.BODY_STALL_LENGTHS: [length * MS for _, length in stalls],
        a.CODE_FILE: "app.py",
        a.CODE_LINE: 9,
        **more,
    }
    phases = {"wait": (start, start + headers), "receive": (start + headers, end)}
    return lambda root: call(start, end, root, phases, attributes=attributes)


def test_a_stall_saves_what_it_took_beyond_the_usual_gap_of_which_there_may_be_none():
    (finding,) = found(
        RULE, handled(1000, streaming(10, 900, (100, 200), **{a.BODY_GAP_P50: None}))
    )

    assert (finding.cost_ns, finding.saving_ns) == (200 * MS, 200 * MS)


def test_stalls_are_the_cost_and_told_with_the_usual_gap():
    (finding,) = found(RULE, handled(1000, streaming(10, 900, (100, 200), (500, 150))))

    assert finding.title == "The stream from back:80 stalls"
    assert (finding.cost_ns, finding.saving_ns) == (350 * MS, 330 * MS)
    assert finding.evidence[:2] == (
        "2 stalls took 350 ms in a stream with a median gap of 10.0 ms.",
        "The longest, 200 ms, began 100 ms into the call.",
    )
    assert finding.where == "app.py:9"


def test_where_the_server_sends_spans_the_one_that_was_running_is_named():
    spans = handled(1000, streaming(10, 900, (100, 200)))
    back = server("POST /process", 12, 895, spans[1], service="back")
    spans += [back, span("llm", 110, 320, back, service="back")]
    (finding,) = found(RULE, spans)

    assert finding.cost_ns == 200 * MS
    assert finding.saving_ns == 190 * MS
    assert finding.evidence[1].endswith("; back was in llm meanwhile.")


def test_stalls_of_a_late_body_count_from_the_bodys_start():
    spans = handled(1000, lambda root: call(10, 50, root, {"wait": (10, 50)}))
    late = {
        a.BODY_OF: spans[1].span_id,
        a.BODY_STALLS: 1,
        a.BODY_STALL_STARTS: [100 * MS],
        a.BODY_STALL_LENGTHS: [200 * MS],
    }
    spans.append(span("receive", 50, 900, spans[1], attributes=late))
    (finding,) = found(RULE, spans)

    assert finding.cost_ns == 200 * MS
    assert "began 140 ms into the call" in finding.evidence[1]


def test_segments_that_were_sent_again_point_at_the_network():
    spans = handled(1000, streaming(10, 900, (100, 200), **{a.TCP_RETRANSMITS: 3}))
    (finding,) = found(RULE, spans)

    assert "3 segments had to be sent again" in finding.evidence[2]


def test_a_steady_stream_is_innocent():
    assert found(RULE, handled(1000, streaming(10, 900))) == []


def test_stalls_that_make_no_sense_are_not_believed():
    nonsense = {a.BODY_STALL_STARTS: ["x", None, -5], a.BODY_STALL_LENGTHS: "yes"}

    assert found(RULE, handled(1000, streaming(10, 900, (1, 2), **nonsense))) == []

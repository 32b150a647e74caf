from __future__ import annotations

from dataclasses import replace

import pytest
from sample_reports import CALLS, MS, STORY

from analyzer.render.calls_text import print_calls, telling

NEW, REUSED, STREAM = CALLS


def printed(paper, report=STORY, width=80, **options):
    sheet = paper(width)
    print_calls(report, sheet.console, **options)
    return sheet


def of(paper, *calls, width=80):
    return printed(paper, replace(STORY, calls=calls), width, all_calls=True)


def test_a_new_connection_is_told_in_a_few_lines(paper):
    lines = of(paper, NEW).lines

    assert lines[2].startswith(" stt → preprocessor  POST /process")
    assert lines[2].endswith("4.59 s     200")
    assert lines[3] == "    conn  new · urllib3 · HTTP/1.1 · 127.0.0.1:40112 → 127.0.0.1:26033"
    assert lines[5].startswith("    time  pool wait 12.0 µs · dns 25.2 µs · connect 2.00 s")
    assert len([line for line in lines if line]) <= 9


def test_each_address_tried_is_told_with_its_outcome(paper):
    line = of(paper, NEW).line_with("tried")

    assert "::1 timed out after 2.00 s · 127.0.0.1 answered in 300 µs" in line


def test_both_places_in_the_code_are_told(paper):
    text = of(paper, NEW).text

    assert "at    stt/app.py:41 in forward() · client made at stt/app.py:7" in text


def test_a_reused_connection_is_told_with_its_use_idle_time_and_age(paper):
    line = of(paper, REUSED).line_with("conn")

    assert "?reused · 5th call on it · idle 1.20 s before · age 60.0 s" in line


def test_what_was_not_measured_carries_a_mark_and_the_legend_says_which(paper):
    sheet = of(paper, NEW, REUSED)

    assert "unexplained ~1.00 ms" in sheet.text
    assert "?reused" in sheet.text
    assert "~ derived, ? inferred, the rest measured" in sheet.line_with("Calls")
    assert "inferred" not in of(paper, NEW).line_with("Calls")


def test_a_stream_is_told_with_its_gaps_stalls_and_end(paper):
    text = " ".join(line.strip() for line in of(paper, STREAM).lines)

    for part in (
        "40 chunks, 48.2 kB", "headers after 120 ms", "first chunk after 230 ms",
        "gaps p50 20.0 ms, p95 41.0 ms, largest 800 ms",
        "2 stalls of 1.30 s: 800 ms at 1.00 s, 500 ms at 2.00 s",
        "reader held 2.30 ms", "broken off",
    ):  # fmt: skip
        assert part in text


def test_a_call_whose_event_loop_was_held_says_so(paper):
    assert "event loop held 120 ms" in of(paper, replace(NEW, loop_lag_ns=120 * MS)).text
    assert "event loop" not in of(paper, NEW).text


def test_an_error_is_told_with_the_phase_it_fell_in(paper):
    sheet = of(paper, STREAM)

    assert "error ProtocolError in ~receive" in sheet.text
    assert sheet.line_with("POST /speak").endswith("200")


def test_what_is_not_known_is_not_said(paper):
    bare = replace(
        NEW, phases=(), unexplained_ns=None, attempts=(), called_at=None,
        connection=type(NEW.connection)(), client_object=type(NEW.client_object)(),
    )  # fmt: skip

    assert [line for line in of(paper, bare).lines if line][1:] == [of(paper, NEW).lines[2]]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_breaks_inside_a_fact_or_is_too_wide(paper, width):
    sheet = of(paper, *CALLS, width=width)

    assert sheet.widest <= width
    assert not any(line.rstrip().endswith((" after", " at", "·")) for line in sheet.lines)


def test_nothing_is_printed_for_a_request_without_calls(paper):
    assert printed(paper, replace(STORY, calls=())).text == ""


def sound(number, ms, **more):
    return replace(
        REUSED, span_id=str(number), start_ns=number * MS, ns=int(ms * MS), connection=
        replace(REUSED.connection, retransmits=None), **more,
    )  # fmt: skip


def shown(*calls):
    return [call.span_id for call in telling(replace(STORY, calls=calls))]


def test_only_the_longest_calls_are_shown_in_order_of_time():
    calls = [sound(n, 100 + n) for n in range(10)]

    assert shown(*calls) == ["4", "5", "6", "7", "8", "9"]


def test_calls_on_the_path_come_before_longer_ones_beside_it():
    calls = [sound(n, 500, on_path=False) for n in range(10)]

    assert "11" in shown(*calls, sound(11, 60))


def test_calls_under_a_hundredth_of_the_request_are_left_out_unless_in_trouble():
    failed = sound(2, 1, status=503)

    assert shown(sound(0, 1000), sound(1, 1), failed) == ["0", "2"]


def test_there_is_always_one():
    assert shown(sound(0, 1), sound(1, 2)) == ["1"]


def test_what_is_left_out_is_counted_and_an_option_shows_it(paper):
    report = replace(STORY, calls=(sound(0, 1000), sound(1, 1), sound(2, 1)))

    assert "… and 2 more calls (--calls shows all)" in printed(paper, report).text
    assert "more calls" not in printed(paper, report, all_calls=True).text

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_reports import MS, SERVICES, STORY

from analyzer.render.breakdown_text import print_breakdown
from analyzer.render.edges_text import print_edges
from analyzer.render.header_text import print_header
from analyzer.render.service_errors import STAGES_SHOWN
from analyzer.render.services_text import MOST, print_services
from analyzer.service import ExceptionFacts, FailedStage

STT, PREPROCESSOR, TTS = SERVICES


def printed(paper, *services, width=80, **options):
    sheet = paper(width)
    print_services(replace(STORY, service_facts=services), sheet.console, **options)
    return sheet


def said(paper, service, **options):
    return " ".join(line.strip() for line in printed(paper, service, **options).lines)


def test_a_service_is_told_from_its_queue_to_what_followed_its_answer(paper):
    text = said(paper, STT)

    for part in (
        "waited ~208 ms before the service took it up · by the proxy's clock",
        "request body 1.20 MB · read in 90.0 ms", "waited 80.0 ms for it to come",
        "40 chunks, 48.2 kB", "headers after 120 ms", "first chunk after 230 ms",
        "gaps p50 20.0 ms, p95 41.0 ms, largest 800 ms", "1 stall, 800 ms at 1.00 s",
        "last byte after 4.60 s", "held 61.0 ms until it was taken",
        "the client left after 4.60 s", "300 ms of work after the response",
        "which failed: ValueError: bad", "at    stt/after.py:9 in save()",
        "stage load failed: TimeoutError: no model", "at    stt/model.py:33 in load()",
        "the event loop was held for 120 ms, 110 ms of it at once", "GC meanwhile 70.0 ms",
    ):  # fmt: skip
        assert part in text, part
    assert "connection" not in text


def test_the_legend_explains_the_marks_that_are_there(paper):
    assert "~ derived, the rest measured" in printed(paper, STT).line_with("Services")
    everything = printed(paper, STT, all_services=True)
    assert "~ derived, ? inferred" in everything.line_with("Services")


def test_what_nobody_would_notice_is_not_said(paper):
    assert printed(paper, PREPROCESSOR).text == ""


def test_all_of_it_is_said_on_demand(paper):
    text = said(paper, PREPROCESSOR, all_services=True)

    for part in (
        "response body 12 B · headers after 1.30 s", "complete",
        "the event loop was held for 6.00 ms", "GC meanwhile 1.00 ms",
        "?new connection · HTTP/1.1 · from 10.0.0.8",
    ):  # fmt: skip
        assert part in text, part
    assert "?reused connection · ?3rd request on it" in said(paper, STT, all_services=True)


def test_a_websocket_is_told_with_its_messages_and_its_close(paper):
    text = said(paper, TTS)

    assert "12 messages in, 2.40 kB · 1 message out, 96.0 kB · closed with 1000" in text


@pytest.mark.parametrize(
    ("code", "words"), [(1005, "closed without a code"), (1006, "the server saw no close")]
)
def test_a_close_without_a_code_is_told_in_words(paper, code, words):
    assert words in said(paper, replace(TTS, websocket=replace(TTS.websocket, close_code=code)))


def test_a_proxys_clock_that_must_be_wrong_is_told(paper):
    wrong = replace(STT, queued_ns=None, unbelieved_queue_ns=500_000 * MS)

    assert "a proxy's clock says 500 s: it must be wrong" in said(paper, wrong)


def test_an_item_that_is_too_long_for_a_line_is_wrapped(paper):
    error = "ValueError: " + "a word after another " * 5 + "to the end"
    sheet = printed(paper, replace(STT, error=error, ended="error"), width=60)

    assert error in " ".join(line.strip() for line in sheet.lines)
    assert sheet.widest <= 60


def test_a_service_that_was_left_says_so_in_its_title(paper):
    assert printed(paper, STT).line_with("POST /hear").endswith("4.60 s    left")


def test_a_response_that_broke_off_is_told_with_its_error(paper):
    assert "ended without its last byte" in said(paper, replace(PREPROCESSOR, ended="error"))
    broken = replace(PREPROCESSOR, ended="error", error="ValueError")
    assert "end   ValueError" in said(paper, broken)


def failed_by(service, exception, *stages, **more):
    return replace(
        service, ended="error", error="NoStock", exception=exception, failed_stages=stages, **more
    )


NO_STOCK = ExceptionFacts("shop.NoStock", "no apple", r"C:\srv\shop\app.py:33 in ask()")


def test_an_exception_is_told_with_its_message_and_its_line(paper):
    sheet = printed(paper, failed_by(PREPROCESSOR, NO_STOCK))

    assert "    end   shop.NoStock: no apple" in sheet.lines
    assert "    at    shop/app.py:33 in ask()" in sheet.lines


def test_the_stage_that_it_came_from_is_named_beside_its_line_only(paper):
    stage = FailedStage("ad", "stock", NO_STOCK)
    text = said(paper, failed_by(PREPROCESSOR, NO_STOCK, stage))

    assert "shop/app.py:33 in ask() · in stage stock" in text
    assert "failed" not in text


def test_a_message_is_cut_to_the_width_and_keeps_the_line_below_it(paper):
    long = replace(NO_STOCK, message="no ? apple\x1b[2J " * 20)
    sheet = printed(paper, failed_by(PREPROCESSOR, long), width=60)

    assert sheet.line_with("end ").endswith("…")
    assert sheet.lines.index("    at    shop/app.py:33 in ask()") == 4
    assert (sheet.widest, "\x1b" in sheet.text) == (60, False)
    assert "inferred" not in sheet.text


def test_an_exception_that_may_not_have_ended_it_is_told_so(paper):
    unsure = failed_by(PREPROCESSOR, NO_STOCK, inferred=frozenset({"exception"}))

    assert "end   perhaps by shop.NoStock: no apple" in said(paper, unsure)


def test_what_an_exception_does_not_say_is_left_out(paper):
    assert printed(paper, failed_by(PREPROCESSOR, ExceptionFacts("KeyError"))).lines[3:] == [
        "    end   KeyError", ""
    ]  # fmt: skip


def test_of_many_failed_stages_a_few_are_told_and_the_others_counted(paper):
    stages = [FailedStage(f"{n}", f"s{n}", NO_STOCK) for n in range(STAGES_SHOWN + 2)]
    sheet = printed(paper, replace(PREPROCESSOR, failed_stages=tuple(stages)))

    assert sheet.text.count("shop.NoStock") == STAGES_SHOWN
    assert "    stage and 2 more failed" in sheet.lines


def test_of_many_services_the_longest_are_shown_and_the_others_counted(paper):
    many = [replace(STT, service=f"s{n}", start_ns=n, ns=(n + 9) * MS) for n in range(MOST + 3)]
    sheet = printed(paper, *many)

    assert "… and 3 more (--calls shows all)" in sheet.text
    assert "s0 " not in sheet.text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_too_wide(paper, width):
    assert printed(paper, *SERVICES, width=width, all_services=True).widest <= width


def test_the_time_before_the_request_is_stated_under_its_breakdown(paper):
    sheet = paper(80)
    print_breakdown(STORY, sheet.console)

    assert "waited 208 ms before stt took it up, not in the total" in sheet.text


def test_what_the_kernel_counted_in_ticks_has_no_decimals(paper):
    stt = replace(STT, queued_ns=8 * MS, queue_source="tcp_info", derived=frozenset())
    sheet = paper(80)
    print_breakdown(replace(STORY, queued_before_ns=8 * MS, service_facts=(stt,)), sheet.console)

    assert "waited about 8 ms before stt took it up, not in the total" in sheet.text
    assert "waited about 8 ms before the service took it up · by the kernel" in said(
        paper, stt, all_services=True
    )


def test_the_hand_offs_part_the_queue_from_the_network(paper):
    edge = replace(STORY.edges[0], network_ns=57 * MS, queue_ns=40 * MS)
    sheet = paper(140)
    print_edges(replace(STORY, edges=(edge,)), sheet.console)

    assert sheet.line_with("hand-off").split()[-2:] == ["queue", "network"]
    assert sheet.line_with("preprocessor").split()[-4:] == ["40.0", "ms", "17.0", "ms"]


def test_the_header_says_that_the_client_left(paper):
    sheet = paper(80)
    print_header(replace(STORY, ended="client left"), sheet.console, short_id="5961b2a5")

    assert "200   client left" in sheet.text

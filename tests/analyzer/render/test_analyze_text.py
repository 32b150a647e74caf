from __future__ import annotations

import dataclasses

import pytest
from rich.cells import cell_len
from sample_reports import MS, QUIET, STORY, TOTAL

from analyzer.render.analyze_text import print_report
from analyzer.report import Milestone, Root, Stage, TimelineRow

WIDTHS = (40, 80, 100, 140, 250)
EVIL = "\x1b[2J[bold]evil\n漢字\u202e" + "x" * 300


def printed(paper, report, width=80, short_id="0000000a"):
    sheet = paper(width)
    print_report(report, sheet.console, short_id=short_id)
    return sheet


def _evil_call(call):
    names = ("client", "server", "method", "path", "error", "error_phase", "called_at")
    return dataclasses.replace(
        call,
        **dict.fromkeys(names, EVIL),
        dns_error=EVIL,
        attempts=tuple(dataclasses.replace(at, address=EVIL, outcome=EVIL) for at in call.attempts),
        connection=dataclasses.replace(
            call.connection, state=EVIL, protocol=EVIL, tls=EVIL, peer=EVIL, proxy=EVIL
        ),
        client_object=dataclasses.replace(call.client_object, library=EVIL, made_at=EVIL),
    )


def evil(report):
    """Put a hostile name wherever a report holds text from outside."""
    finding = report.findings[0]
    return dataclasses.replace(
        report,
        request_id=EVIL,
        root=Root(EVIL, EVIL),
        services=(EVIL, EVIL),
        milestones=(Milestone(EVIL, EVIL, 5),),
        stages=tuple(dataclasses.replace(s, service=EVIL, stage=EVIL) for s in report.stages),
        edges=tuple(dataclasses.replace(e, client=EVIL, server=EVIL) for e in report.edges),
        spans_off_path=tuple(
            dataclasses.replace(s, name=EVIL, reason=EVIL) for s in report.spans_off_path
        ),
        findings=(
            dataclasses.replace(
                finding, title=EVIL, evidence=(EVIL,), where=EVIL, fix=(EVIL, EVIL)
            ),
        ),
        warnings=(EVIL,),
        calls=tuple(_evil_call(call) for call in report.calls),
        timeline=tuple(dataclasses.replace(r, label=EVIL, note=EVIL) for r in report.timeline),
    )


def test_the_first_line_says_what_how_long_when_and_how_it_ended(paper):
    first = printed(paper, STORY).lines[0]
    assert first.startswith("0000000a  POST /hear   stt → preprocessor → tts")
    assert "4.60 s" in first
    assert first.endswith("200")


def test_the_whole_request_id_can_be_copied(paper):
    assert f"request {STORY.request_id}" in printed(paper, STORY).text


def test_an_incomplete_request_says_so_in_its_header(paper):
    assert "incomplete" in printed(paper, QUIET).text
    assert "incomplete" not in printed(paper, STORY).text


def test_a_path_that_does_not_fit_beside_the_facts_gets_a_line_of_its_own(paper):
    report = dataclasses.replace(STORY, services=tuple(f"service-{n}" for n in range(9)))
    sheet = printed(paper, report)
    assert sheet.lines[0].endswith("200")
    assert sheet.lines[1].strip().startswith("service-0 → service-1")
    assert sheet.lines[1].endswith("3 more")


def test_connection_phases_look_different_from_spans_without_colour(paper):
    sheet = printed(paper, STORY)
    vain = sheet.line_with("connect ::1")
    assert "░░░" in vain
    assert "█" not in vain
    assert "timed out" in vain
    assert "███" in sheet.line_with("synthesis")
    assert "░ a call's phases" in sheet.text


def test_work_that_did_not_decide_the_total_has_a_glyph_of_its_own(paper):
    sheet = printed(paper, STORY)
    assert "▄▄" in sheet.line_with("prefetch")
    assert "▄ beside it" in sheet.text


def test_a_span_that_only_passes_the_path_on_is_drawn_as_on_it(paper):
    rows = [
        TimelineRow(0, "a", "a", 0, 100, "1", on_path=True),
        TimelineRow(1, "b", "all in its child", 0, 90, "2"),
        TimelineRow(2, "b", "child", 0, 90, "3", on_path=True),
        TimelineRow(1, "b", "beside", 0, 90, "4"),
    ]
    sheet = printed(paper, dataclasses.replace(STORY, timeline=tuple(rows), total_ns=100))
    assert "█" in sheet.line_with("all in its child")
    assert "▄" in sheet.line_with("beside ")


def test_bars_start_where_their_spans_start(paper):
    sheet = printed(paper, STORY, width=120)
    vain = sheet.line_with("connect ::1")
    good = sheet.line_with("connect 127.0.0.1")
    assert vain.rindex("░") + 1 == good.index("▏")


def test_the_times_of_the_timeline_stand_in_one_column(paper):
    sheet = printed(paper, STORY)
    rows = [sheet.line_with(f" {label} ") for label in ("finalize", "llm", "synthesis")]
    assert {row.rstrip()[-2:] for row in rows} == {"ms"}
    assert len({len(row.rstrip()) for row in rows}) == 1


def test_the_breakdown_ends_with_what_is_not_accounted_for(paper):
    lines = printed(paper, dataclasses.replace(STORY, queued_before_ns=0)).lines
    begin = lines.index(next(line for line in lines if line.startswith("Where 4.60 s went")))
    table = lines[begin + 1 : lines.index("", begin)]
    assert table[0].split()[:5] == ["stt", "→", "preprocessor", "connect", "2.00"]
    assert "43.5 %" in table[0]
    assert table[-1].startswith("not accounted for")
    assert len(table) == len(STORY.stages)


def test_many_stages_are_folded_into_a_line_that_keeps_the_sum(paper):
    many = tuple(Stage("svc", f"stage {n}", "stage", MS, MS / TOTAL) for n in range(60))
    sheet = printed(paper, dataclasses.replace(STORY, stages=many))
    assert "46.0 ms" in sheet.line_with("… and 46 more")


def test_hand_offs_count_new_and_reused_connections(paper):
    sheet = printed(paper, STORY)
    title = sheet.line_with("calls  new  reused")
    row = sheet.lines[sheet.lines.index(title) + 1]
    assert row.split() == ["stt", "→", "preprocessor", "1", "1", "0", "2.07", "s", "2.06", "s"]
    assert "unknown" not in sheet.text


def test_unknown_connections_are_counted_beside_the_known(paper):
    edges = (dataclasses.replace(STORY.edges[0], calls=3, unknown=2),)
    assert "unknown" in printed(paper, dataclasses.replace(STORY, edges=edges)).text


def test_a_wide_terminal_shows_the_phases_of_each_hand_off(paper):
    assert "connection  connect" in printed(paper, STORY, width=140).text
    assert "connection  connect" not in printed(paper, STORY, width=80).text


def test_a_place_is_shown_with_the_last_folder_of_its_path(paper):
    far = dataclasses.replace(STORY.findings[0], where="/srv/apps/stt/app.py:41 in forward()")

    text = printed(paper, dataclasses.replace(STORY, findings=(far,))).text

    assert "    at    stt/app.py:41 in forward()" in text


def test_a_finding_says_what_it_costs_why_where_how_to_fix_it_and_what_then(paper):
    text = printed(paper, STORY).text
    for part in (
        ' 1  The first address of "preprocessor.local" never answers',
        "costs 2.00 s (43.5 %)",
        "timed out after 2.00 s; 127.0.0.1 then answered",
        "at    stt/app.py:41 in forward()",
        "fix   use 127.0.0.1 in the URL",
        "then  2.60 s predicted, 2.00 s less",
    ):
        assert part in text


def test_code_in_a_fix_keeps_its_blanks(paper):
    text = printed(paper, STORY).text
    assert "session = requests.Session()          # once, at module level" in text


def test_no_finding_is_said_and_not_left_out(paper):
    report = dataclasses.replace(STORY, findings=())
    assert "none: no cause that tracekit knows" in printed(paper, report).text


def test_findings_too_small_to_name_are_counted(paper):
    report = dataclasses.replace(STORY, findings=(), hidden_findings=2)
    text = printed(paper, report).text
    assert "none that costs 1 ms or 1 %  (2 smaller)" in text
    assert "no cause" not in text


def test_findings_too_small_to_name_are_counted_below_the_others_too(paper):
    report = dataclasses.replace(STORY, hidden_findings=3)
    assert "no other costs 1 ms or 1 %  (3 smaller)" in printed(paper, report).text
    assert "smaller)" not in printed(paper, STORY).text


def test_a_cost_that_is_only_a_bound_says_so(paper):
    bound = dataclasses.replace(STORY.findings[0], at_most=True)
    report = dataclasses.replace(STORY, findings=(bound,))
    assert "costs at most 2.00 s (43.5 %)" in printed(paper, report).text


def test_a_finding_by_which_the_request_failed_costs_the_request(paper):
    fatal = dataclasses.replace(STORY.findings[0], fatal=True)
    report = dataclasses.replace(STORY, findings=(fatal,))
    assert "costs the request" in printed(paper, report).text


def test_a_hand_off_to_a_service_without_spans_is_not_traced_but_its_connection_is_shown(paper):
    edge = dataclasses.replace(STORY.edges[0], handoff_ns=None)
    text = printed(paper, dataclasses.replace(STORY, edges=(edge,))).text
    (line,) = (
        line
        for line in text.splitlines()
        if line.startswith("stt → preprocessor") and "not traced" in line
    )
    assert line.split()[-4:] == ["not", "traced", "2.06", "s"]


def test_what_was_assumed_and_what_was_not_waited_for_is_said(paper):
    text = printed(paper, STORY).text
    assert "tts save, 300 ms: async" in text
    assert "! the clock of tts was shifted by +3.1 ms to fit its caller" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("report", [STORY, QUIET, evil(STORY)], ids=["story", "quiet", "evil"])
def test_no_line_is_wider_than_the_terminal(paper, report, width):
    assert printed(paper, report, width).widest <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_names_print_nothing_but_visible_characters(paper, width):
    text = printed(paper, evil(STORY), width).text
    assert text.replace("\n", "").isprintable()
    assert r"\x1b[2J[bold]evil\n" in text.replace("\n", "")


def test_hostile_names_leave_the_columns_aligned(paper):
    lines = printed(paper, evil(STORY), 100).lines
    begin = lines.index("") + 1
    rows = lines[begin : begin + len(STORY.timeline)]
    assert [row[-7:].strip() for row in rows[:2]] == ["4.60 s", "6.00 ms"]
    assert {cell_len(row) for row in rows} == {100}

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sample_reports import MS, STORY

from analyzer.compare import Side, compare
from analyzer.render.compare_json import to_json
from analyzer.render.compare_text import print_comparison
from analyzer.report import Edge, Milestone, Root, Stage

STAGES = {"before": {"connect": 2000, "llm": 604, "synthesis": 738, "finalize": 6},
          "after": {"llm": 604, "synthesis": 738, "finalize": 6}}  # fmt: skip


def request(which: str, number: int):
    reused = which == "after"
    stages = tuple(
        Stage("stt", name, "stage", ms * MS + number * 1_000 * (index + 1), 0.0)
        for index, (name, ms) in enumerate(STAGES[which].items())
    )
    handoff = (6 if reused else 2_060) * MS + number * 1_000
    return replace(
        STORY,
        stages=stages,
        total_ns=sum(stage.ns for stage in stages),
        start_unix_ns=STORY.start_unix_ns + number * 10**10,
        edges=(Edge("stt", "preprocessor", 1, not reused, int(reused), 0, handoff, *[0] * 8),),
        milestones=(Milestone("tts", "first_audio", 700 * MS + number),),
    )


def side(which: str, n: int) -> Side:
    return Side(f"label={which}", [request(which, number) for number in range(n)])


def printed(paper, comparison, width=80):
    sheet = paper(width)
    print_comparison(comparison, sheet.console)
    return sheet


@pytest.fixture(scope="module")
def story():
    return compare(side("before", 30), side("after", 30))


@pytest.fixture(scope="module")
def large():
    return compare(side("before", 80), side("after", 80))


def test_the_sides_and_their_mix_come_first(paper, story):
    lines = printed(paper, story).lines
    assert lines[0] == "before (label=before, 30 requests)  →  after (label=after, 30 requests)"
    assert lines[1] == "same routes · same statuses · connections reused 0 of 30 → 30 of 30"


def test_a_different_mix_is_a_warning_above_the_numbers(paper):
    other = [replace(r, root=Root("stt", "GET /x"), status=500) for r in side("after", 5).reports]
    text = printed(paper, compare(side("before", 5), Side("b", other))).text
    assert "! the routes differ: 5 × stt POST /hear → 5 × stt GET /x" in text
    assert "! the statuses differ: 5 × 200 → 5 × 500" in text
    assert "same" not in text


def of_routes(**counts: int) -> Side:
    names = [name for name, count in counts.items() for _ in range(count)]
    reports = side("after", len(names)).reports
    return Side("x", [replace(r, root=Root("stt", n)) for r, n in zip(reports, names, strict=True)])


def of_statuses(*counts: tuple[int, int]) -> Side:
    statuses = [status for status, count in counts for _ in range(count)]
    reports = side("after", len(statuses)).reports
    return Side("x", [replace(r, status=s) for r, s in zip(reports, statuses, strict=True)])


def test_routes_that_differ_can_be_compared_one_by_one(paper):
    mixed = compare(of_routes(hear=5, health=5), of_routes(hear=5))
    text = " ".join(printed(paper, mixed).text.split())
    assert "! the routes differ: 5 × stt health, 5 × stt hear → 5 × stt hear. Compare" in text
    assert "Compare one of them: --route ROUTE" in text


def test_where_no_route_is_on_both_sides_none_is_offered(paper):
    text = printed(paper, compare(of_routes(hear=5), of_routes(health=5))).text
    assert "--route" not in text
    assert "No route is on both sides" in text


def test_a_few_of_another_status_are_not_the_same_statuses(paper):
    mixed = compare(of_statuses((200, 42), (500, 4)), of_statuses((200, 10)))
    text = " ".join(printed(paper, mixed).text.split())
    assert "statuses 4 × 500, 42 × 200 → 10 × 200" in text
    assert "same routes" in text
    assert "same statuses" not in text
    assert json.loads(to_json(mixed))["same_statuses"] is False


def test_a_few_of_another_route_are_not_the_same_routes(paper):
    mixed = compare(of_routes(hear=42, health=4), of_routes(hear=10))
    text = " ".join(printed(paper, mixed).text.split())
    assert "routes 4 × stt health, 42 × stt hear → 10 × stt hear (--route compares one)" in text
    assert "same routes" not in text
    assert json.loads(to_json(mixed))["same_routes"] is False


def test_every_row_has_medians_difference_interval_and_verdict(paper, story):
    sheet = printed(paper, story)
    line = sheet.line_with("total ")
    assert line.split()[:8] == ["total", "p50", "3.35", "s", "1.35", "s", "−2.00", "s"]
    assert line.rstrip().endswith("… −2.00 s")
    below = sheet.lines[sheet.lines.index(line) + 1]
    assert "n 30, 30" in below
    assert below.rstrip().endswith("faster by 2.00 s")


def test_a_stage_that_is_gone_has_a_dash_and_no_requests(paper, story):
    sheet = printed(paper, story)
    row = sheet.lines.index(sheet.line_with("connect  n 30, 0")) - 1
    assert sheet.lines[row].split()[:6] == ["stt", "p50", "2.00", "s", "–", "−2.00"]


def test_hand_offs_and_milestones_are_rows(paper, story):
    text = printed(paper, story, 100).text
    assert "\n  hand-off " in text
    assert "\n  ◆ first_audio " in text


def test_a_milestone_that_one_side_never_reached_is_said(paper):
    silent = [replace(r, milestones=()) for r in side("before", 5).reports]
    text = printed(paper, compare(Side("a", silent), side("after", 5))).text
    assert "◆ first_audio was reached by 0 requests before and 5 after" in text


def test_one_request_is_not_said_in_the_plural(paper):
    marked = side("after", 5).reports
    silent = [replace(r, milestones=()) for r in marked]
    once = [marked[0], *silent[1:]]
    text = printed(paper, compare(Side("a", once), Side("b", silent))).text
    assert "◆ first_audio was reached by 1 request before and 0 after" in text


def test_p95_is_left_out_with_a_reason_below_72_requests(paper, story, large):
    few, many = printed(paper, story).text, printed(paper, large).text
    assert "\np95" not in few.replace(" ", "")
    assert "A p95 needs 72 requests a side." in few
    assert "p95   3.35 s" in many
    assert "needs 72" not in many


def test_the_percentile_method_and_the_adjustment_are_stated(paper, story):
    text = " ".join(printed(paper, story).text.split())
    assert "linear interpolation between the two nearest requests (type 7)" in text
    assert "Holm-adjusted across 5 rows" in text


def test_too_few_requests_get_no_interval_and_no_verdict(paper):
    text = printed(paper, compare(side("before", 2), side("after", 3))).text
    assert "too few requests: 2 more needed" in text
    assert "faster" not in text


def test_a_wide_terminal_has_one_line_a_row(paper, story):
    sheet = printed(paper, story, 140)
    line = sheet.line_with("total ")
    assert "30, 30" in line
    assert line.rstrip().endswith("faster by 2.00 s")


@pytest.mark.parametrize("width", [60, 80, 100, 128, 140, 220])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(paper, large, width):
    sheet = printed(paper, large, width)
    assert sheet.widest <= width
    if width >= 80:
        table = sheet.lines[3 : sheet.lines.index("", 3)]
        assert not any(
            "…" in line.replace(" … ", "")[-40:] for line in table if "smaller" not in line
        )


def test_hostile_names_are_harmless(paper):
    evil = "\x1b[31m[red]\n" + "漢" * 90
    reports = [
        replace(r, stages=tuple(replace(s, service=evil, stage=evil) for s in r.stages))
        for r in side("before", 5).reports
    ]
    sheet = printed(paper, compare(Side(evil, reports), Side(evil, reports)))
    assert sheet.text.replace("\n", "").isprintable()
    assert sheet.widest <= 80


def test_json_has_every_row_with_its_numbers(story):
    document = json.loads(to_json(story))
    assert document["before"]["requests"] == 30
    assert document["same_routes"] is True
    total = document["rows"][0]
    assert total["kind"] == "total"
    assert total["verdict"]["outcome"] == "faster"
    assert total["difference"]["interval_ns"][1] < -1900 * MS
    assert total["before"]["p95_ns"] is None
    assert total["before"]["p50_interval_ns"] is not None
    small = document["rows"][-1]
    assert (small["name"], small["verdict"], small["difference"]) == ("finalize", None, None)


def test_the_longest_verdicts_are_not_cut_at_80_columns(paper):
    base = side("before", 30).reports
    before = [replace(r, total_ns=(1_000 + n) * MS) for n, r in enumerate(base)]
    after = [replace(r, total_ns=r.total_ns - 50 * MS) for r in before]
    text = " ".join(printed(paper, compare(Side("a", before), Side("b", after))).text.split())
    assert "faster, perhaps by less than 50.7 ms" in text

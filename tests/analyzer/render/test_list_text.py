from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from sample_reports import MS, STORY

from analyzer.render.list_json import to_line
from analyzer.render.list_text import Listed, print_list
from analyzer.requests import RequestRow, short_id

UUID = "0198c0de-1111-7000-8000-00005961b2a5"
TWENTY = "order-2026-11-21-abc"
LONG = "tenant-" + "x" * 113 + "-0000042"
NOON = int(datetime(2026, 3, 4, 12, 4, 31).timestamp()) * 1_000_000_000
DAY = 86_400_000_000_000
TOTALS = (4_600 * MS, 999 * MS, 312_000, 1_000_000 * MS)


def listed(request_id: str, *, start_ns: int = NOON, total_ns: int = TOTALS[0], rule=None, **row):
    """Return a request of the story; *rule* is what the analysis finds first."""
    found = tuple(replace(STORY.findings[0], rule=name) for name in filter(None, [rule]))
    shown = RequestRow(
        request_id=request_id,
        trace_id="a" * 32,
        start_ns=start_ns,
        service="preprocessor",
        name="POST /conversations/{conversation}/hear",
        duration_ns=total_ns,
        connection_ns=0,
        services=("preprocessor",),
        spans=1,
        label=None,
        version=None,
        **{"status": 200, "error": False, **row},
    )
    overhead = min(total_ns, STORY.connection_overhead_ns)
    report = replace(STORY, total_ns=total_ns, findings=found, connection_overhead_ns=overhead)
    return Listed(shown, report)


MIXED = (
    listed(UUID, rule="no-connection-reuse"),
    listed(TWENTY, total_ns=TOTALS[1], rule="no-address-answers", status=None, error=True),
    listed("7", total_ns=TOTALS[2]),
    listed(LONG, total_ns=TOTALS[3], rule="address-in-vain", status=None),
)


def printed(paper, requests, width):
    sheet = paper(width)
    print_list(requests, sheet.console)
    return sheet


@pytest.mark.parametrize("days", [0, 1], ids=["one day", "several days"])
@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_id_the_time_and_the_total_are_never_cut(paper, width, days):
    requests = [
        replace(one, row=replace(one.row, start_ns=NOON - number * days * DAY))
        for number, one in enumerate(MIXED)
    ]
    sheet = printed(paper, requests, width)
    assert sheet.widest <= width
    for one, line, total in zip(
        requests, sheet.lines[1:], ("4.60 s", "999 ms", "312 µs", "16.7 min"), strict=False
    ):
        assert line.split()[0] == short_id(one.row.request_id)
        assert f" {total} " in line
        assert "12:04" in line
        assert days or "12:04:31" in line


def test_requests_of_one_day_say_the_day_once(paper):
    sheet = printed(paper, MIXED, 80)
    assert sheet.lines[0].split()[:3] == ["ID", "Mar", "04"]
    assert "Mar" not in "".join(sheet.lines[1:])


def test_requests_of_several_days_say_the_day_of_each(paper):
    sheet = printed(paper, [*MIXED, listed("8", start_ns=NOON - DAY)], 80)
    assert sheet.lines[0].split()[:2] == ["ID", "when"]
    assert "Mar 04 12:04" in sheet.lines[1]
    assert "Mar 03 12:04" in sheet.lines[5]


@pytest.mark.parametrize(("width", "words"), [(80, "no reuse"), (140, "no connection reuse")])
def test_a_narrow_terminal_gets_the_finding_in_fewer_words(paper, width, words):
    line = printed(paper, [listed(UUID, rule="no-connection-reuse")], width).lines[1]
    assert line.rstrip().endswith(f"200     {words}")


def test_route_and_finding_share_the_room_that_is_left(paper):
    (line,) = printed(paper, [listed(UUID, rule="address-in-vain")], 80).lines[1:-1]
    assert "preprocessor POST…" in line
    assert line.rstrip().endswith("address in vain")
    wide = printed(paper, MIXED, 200)
    assert "preprocessor POST /conversations/{conversation}/hear" in wide.lines[1]


def test_a_request_without_a_long_name_leaves_the_room_to_the_finding(paper):
    one = listed(UUID, rule="a-cause-with-a-rather-long-name")
    short = replace(one, row=replace(one.row, service="a", name="b"))
    assert "a cause with a rather long" in printed(paper, [short], 80).lines[1]


@pytest.mark.parametrize(
    ("route_known", "words"),
    [(False, ["preprocessor", "…"]), (True, ["preprocessor", "POST"])],
    ids=["inner span first", "server span first"],
)
def test_a_request_without_its_root_took_at_least_so_long_and_is_named_only_by_a_route(
    paper, route_known, words
):
    one = listed(UUID, rule="no-connection-reuse")
    going_on = replace(one.report, rooted=False, route_known=route_known)
    line = printed(paper, [replace(one, report=going_on)], 200).lines[1]

    assert line.split()[2:4] == words
    assert "≥ 4.60 s" in line
    assert line.split()[-4:] == ["200" if route_known else "–", "no", "connection", "reuse"]
    quiet = replace(one, report=replace(going_on, findings=()))
    assert printed(paper, [quiet], 200).lines[1].split()[-1] == "incomplete"
    document = json.loads(to_line(replace(one, report=going_on)))
    assert document["complete"] is False
    assert (document["name"] is not None, document["status"] is not None) == (route_known,) * 2


@pytest.mark.parametrize(("status", "shown"), [(None, "left"), (200, "200, left")])
def test_a_request_whose_client_left_says_so_in_its_status(paper, status, shown):
    one = listed("7", status=status)
    one = replace(one, report=replace(one.report, ended="client left"))

    assert shown in printed(paper, [one], 100).line_with("preprocessor")
    assert json.loads(to_line(one))["ended"] == "client left"

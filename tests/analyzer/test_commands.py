from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from story_spans import MS, request_spans

from analyzer import cli
from analyzer.commands.analyze import QUIET, Reading, wait_for
from analyzer.errors import NoSuchRequest, NotAStore, StoreError
from analyzer.store import open_store

MINUTE = 60_000 * MS


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    monkeypatch.delenv("TRACEKIT_STORE", raising=False)
    return tmp_path


@pytest.fixture
def begin():
    """The start of the first request: half an hour ago, in whole milliseconds."""
    return time.time_ns() // MS * MS - 30 * MINUTE


@pytest.fixture
def store(home, begin):
    """Eight slow requests labelled before, then eight quick ones labelled after, a minute apart."""
    path = home / "traces.duckdb"
    with open_store(path, create=True) as opened:
        for number in range(8):
            start = begin + number * MINUTE
            opened.insert(request_spans(number, start, label="before"))
            opened.insert(
                request_spans(100 + number, start + 10 * MINUTE, label="after", slow=False)
            )
    return path


@pytest.fixture
def slow_store(home, begin):
    """Eight requests that each opened a connection of their own."""
    with open_store(home / "traces.duckdb", create=True) as opened:
        for number in range(8):
            opened.insert(request_spans(number, begin + number * MINUTE))


def run(*arguments: str) -> int:
    return cli.main([*arguments])


def process(*arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "analyzer.cli", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **options)


# --- analyze ----------------------------------------------------------------------------------


def test_calls_that_do_not_matter_are_shown_when_asked_for(home, begin, capsys):
    spans = request_spans(1, begin, label="before")
    short = replace(spans[1], span_id="f" * 16, end_ns=spans[1].start_ns + MS)
    with open_store(home / "traces.duckdb", create=True) as opened:
        opened.insert([*spans, short])

    assert run("analyze", "latest") == 0
    assert "and 1 more call (--calls shows all)" in capsys.readouterr().out
    assert run("analyze", "latest", "--calls") == 0
    assert capsys.readouterr().out.count(" web → api") > 1


def test_analyze_prints_the_whole_report(store, capsys):
    assert run("analyze", "request-0003-slow") == 0
    text = capsys.readouterr().out
    assert text.startswith("request-0003-slow  GET /   web → api")
    for part in ("503 ms", "Where 503 ms went", "Hand-offs", "web → api", "Findings", "░"):
        assert part in text


def test_analyze_takes_what_list_shows(store, capsys):
    run("list", "--limit", "1")
    shown = capsys.readouterr().out.splitlines()[1].split()[0]
    assert run("analyze", shown) == 0


@pytest.mark.parametrize(
    ("word", "request_id"), [("latest", "0107-fast"), ("slowest", "0007-slow")]
)
def test_analyze_knows_the_latest_and_the_slowest(store, capsys, word, request_id):
    assert run("analyze", word, "--json") == 0
    assert json.loads(capsys.readouterr().out)["request_id"] == f"request-{request_id}"


def test_analyze_json_sums_to_the_total_exactly(store, capsys):
    for number in range(8):
        run("analyze", f"request-000{number}-slow", "--json")
        report = json.loads(capsys.readouterr().out)
        assert sum(stage["ns"] for stage in report["stages"]) == report["total_ns"]
        assert report["total_ns"] == (500 + number) * MS
        assert report["connection_overhead_ns"] == 300 * MS


def test_findings_look_back_on_the_whole_store(slow_store, capsys):
    run("analyze", "request-0003-slow", "--json")
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["rule"] == "no-connection-reuse"
    assert any("8 of 8" in sentence for sentence in finding["evidence"])


def test_an_unknown_request_is_one_line_and_exit_code_one(store, capsys):
    assert run("analyze", "zzzz") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith('tracekit: no request "zzzz"')


def test_a_whole_id_that_is_not_there_yet_may_be_waited_for(store, capsys):
    generated = "0198c0de-1111-7000-8000-00005961b2a5"
    assert run("analyze", generated) == 1
    assert capsys.readouterr().err.endswith("If it was sent just now, add --wait 5.\n")
    for others in (["zzzz"], [generated, "--wait", "0.1"]):
        assert run("analyze", *others) == 1
        assert "--wait" not in capsys.readouterr().err


def test_json_errors_are_the_same_one_line(store, capsys):
    assert run("analyze", "zzzz", "--json") == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_an_unknown_request_full_of_escapes_is_printed_harmlessly(store, capsys):
    assert run("analyze", "\x1b[2Jzz\nzz") == 1
    err = capsys.readouterr().err
    assert err[:-1].isprintable()


def test_a_store_that_is_not_there_is_not_made(home, capsys):
    assert run("analyze", "latest", "--store", str(home / "typo.duckdb")) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (home / "typo.duckdb").exists()


# --- analyze --wait ---------------------------------------------------------------------------


def reading(spans: int, *, complete: bool = True) -> Reading:
    class Report:
        pass

    report = Report()
    report.complete = complete
    return Reading("key", spans, report)


def script(*steps):
    """Return a look at the store that does one step a look, and the last one ever after."""
    looks = []

    def read(text: str) -> Reading:
        looks.append(text)
        step = steps[min(len(looks), len(steps)) - 1]
        if isinstance(step, Exception):
            raise step
        return step

    read.looks = looks
    return read


def test_wait_goes_on_until_the_request_is_there_complete_and_quiet():
    read = script(
        NoSuchRequest("not yet"), StoreError("no store yet"), reading(1, complete=False), reading(4)
    )
    begin = time.monotonic()
    assert wait_for(read, "latest", 20).spans == 4
    assert QUIET <= time.monotonic() - begin < 10


def test_wait_stays_with_the_request_it_first_found():
    read = script(reading(1), reading(2))
    wait_for(read, "latest", 20)
    assert read.looks[0] == "latest"
    assert set(read.looks[1:]) == {"key"}


def test_wait_looks_for_an_id_anew_because_it_may_come_to_mean_more():
    read = script(reading(1), reading(2))
    wait_for(read, "4f2a", 20)
    assert set(read.looks) == {"4f2a"}


def test_wait_ends_with_what_there_is_when_the_time_is_over():
    assert wait_for(script(reading(1, complete=False)), "latest", 0.3).spans == 1


def test_wait_says_what_is_missing_when_the_time_is_over():
    with pytest.raises(NoSuchRequest, match="never"):
        wait_for(script(NoSuchRequest("never")), "latest", 0.3)


def test_wait_does_not_wait_for_a_file_that_is_something_else():
    read = script(NotAStore("a picture"))
    with pytest.raises(NotAStore):
        wait_for(read, "latest", 30)
    assert len(read.looks) == 1


def test_wait_finds_a_request_that_arrives_while_it_looks(home, begin):
    waiting = subprocess.Popen(
        [sys.executable, "-m", "analyzer.cli", "analyze", "latest", "--json", "--wait", "30"],
        stdout=subprocess.PIPE,
    )
    with open_store(home / "traces.duckdb", create=True) as opened:
        opened.insert(request_spans(1, begin))
    out, _ = waiting.communicate(timeout=40)
    assert json.loads(out)["request_id"] == "request-0001-slow"


# --- list -------------------------------------------------------------------------------------


def listed(capsys, *arguments: str) -> list[dict]:
    assert run("list", "--json", *arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_list_shows_the_newest_first_with_what_was_found(slow_store, capsys):
    assert run("list", "--limit", "3", "--width", "120") == 0
    title, *rows = capsys.readouterr().out.splitlines()
    assert title.split()[0] == "ID"
    assert title.split()[-5:] == ["route", "total", "connection", "status", "finding"]
    assert [row.split()[0] for row in rows] == [f"request-000{n}-slow" for n in (7, 6, 5)]
    for part in ("web GET /", "507 ms", "300 ms ━━━━━━", "59.2 %", "200", "no connection reuse"):
        assert part in rows[0]


def test_list_json_is_one_object_a_line(store, capsys):
    rows = listed(capsys, "--limit", "3")
    assert len(rows) == 3
    keys = "request_id trace_id start service name total_ns connection_ns status error services"
    assert {*keys.split(), "finding"} <= rows[0].keys()
    assert rows[0]["services"] == ["web", "api"]


def test_list_keeps_to_its_filters(store, capsys):
    assert len(listed(capsys, "--min-duration", "0.4s")) == 8
    assert len(listed(capsys, "--since", "1h", "--limit", "100")) == 16
    assert listed(capsys, "--service", "nobody") == []
    assert len(listed(capsys, "--service", "api", "--limit", "100")) == 16


def test_list_since_a_moment_leaves_out_what_was_before(store, begin, capsys):
    moment = datetime.fromtimestamp(begin / 1e9) + timedelta(minutes=16)
    assert len(listed(capsys, "--since", moment.isoformat(timespec="seconds"))) == 2


def test_list_errors_shows_only_requests_that_failed(store, begin, capsys):
    with open_store(store) as opened:
        opened.insert(request_spans(999, begin, error=True))
    assert [row["request_id"] for row in listed(capsys, "--errors")] == ["request-0999-slow"]


def test_an_empty_store_is_one_helpful_line_and_no_failure(home, capsys):
    open_store(home / "traces.duckdb", create=True).close()
    assert run("list") == 0
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "tracekit demo" in err


def test_filters_that_leave_nothing_say_so(store, capsys):
    assert run("list", "--errors") == 0
    assert "fits these filters" in capsys.readouterr().err


def test_a_bad_filter_is_one_line(store, capsys):
    assert run("list", "--min-duration", "soon") == 1
    assert (
        capsys.readouterr().err == 'tracekit: "soon" is not a duration such as 250ms, 1.5s or 2m\n'
    )


# --- compare ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sides", [("before", "after"), ("v-before", "v-after")])
def test_compare_takes_labels_and_versions(store, capsys, sides):
    assert run("compare", *sides) == 0
    text = capsys.readouterr().out
    assert "8 requests)" in text
    assert "faster by 300 ms" in text
    assert "connections reused 0 of 8 → 8 of 8" in text


def test_compare_takes_time_ranges(store, begin, capsys):
    start = datetime.fromtimestamp(begin / 1e9)
    cut = start + timedelta(minutes=9)
    ranges = [f"{a:%Y-%m-%dT%H:%M:%S}..{b}" for a, b in ((start - timedelta(minutes=1),
              f"{cut:%Y-%m-%dT%H:%M:%S}"), (cut, "now"))]  # fmt: skip
    assert run("compare", *ranges, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["before"]["requests"], document["after"]["requests"]) == (8, 8)
    assert document["rows"][0]["verdict"]["outcome"] == "faster"


def test_compare_names_the_labels_and_versions_it_knows(store, capsys):
    assert run("compare", "before", "nope") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "labels: after, before" in err
    assert "versions: v-after, v-before" in err


def test_compare_of_a_range_without_requests_says_so(store, capsys):
    assert run("compare", "before", "2020-01-01..2020-01-02") == 1
    assert "no request in" in capsys.readouterr().err


# --- all of them ------------------------------------------------------------------------------


def test_a_reader_that_goes_away_is_no_error(store):
    command = [sys.executable, "-m", "analyzer.cli", "list", "--json", "--limit", "16"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        err = running.stderr.read()
        assert (running.wait(60), err) == (0, b"")


@pytest.mark.parametrize("command", [("analyze", "slowest"), ("compare", "before", "after")])
def test_text_to_a_reader_that_goes_away_is_no_error(store, command):
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    done = subprocess.run(
        [sys.executable, "-m", "analyzer.cli", *command],
        stdout=writing_end,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing_end)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_ascii_terminal_gets_ascii(store):
    done = process(
        "analyze", "slowest", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert done.returncode == 0, done.stderr
    assert b"web > api" in done.stdout
    assert b"###" in done.stdout
    assert done.stdout.isascii()


def test_what_is_piped_has_no_escape_codes(store):
    done = process("analyze", "slowest")
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout

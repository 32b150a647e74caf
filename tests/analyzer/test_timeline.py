from __future__ import annotations

from trace_building import MS, attempts, call, server, span

from analyzer.analysis import analyze
from analyzer.span import Status
from tracekit import attributes as a


def rows(*spans):
    return [(row.depth, row.label) for row in analyze(spans).timeline]


def test_a_request_over_two_services_reads_from_top_to_bottom():
    tried = attempts(("::1", 0, 50, "timeout"), ("127.0.0.1", 50, 50.1, "ok"))
    root = server("POST /hear", 0, 100, service="stt")
    phases = {"pool": (10, 10.1), "connect": (10, 60.1), "wait": (60.1, 90)}
    out = call(10, 90, root, phases, service="stt", attributes=tried)
    back = server("POST /process", 61, 89, out, service="preprocessor")
    stages = [span("llm", 70, 88, back, service="preprocessor"),
              span("classify", 62, 70, back, service="preprocessor")]  # fmt: skip

    assert rows(root, span("finalize", 1, 5, root, service="stt"), out, back, *stages) == [
        (0, "stt"),
        (1, "finalize"),
        (1, "POST preprocessor /process"),
        (2, "connect ::1"),
        (2, "connect 127.0.0.1"),
        (1, "preprocessor"),
        (2, "classify"),
        (2, "llm"),
    ]


def test_an_address_that_failed_says_how():
    tried = attempts(("::1", 0, 50, "timeout"), ("127.0.0.1", 50, 50.1, "ok"))
    root = server("in", 0, 100)
    report = analyze([root, call(10, 90, root, {"connect": (10, 60.1)}, attributes=tried)])

    notes = {row.label: (row.note, row.phase) for row in report.timeline}
    assert notes["connect ::1"] == ("timed out", "connect")
    assert notes["connect 127.0.0.1"] == ("", "connect")


def test_phases_below_half_a_per_cent_have_no_row():
    root = server("in", 0, 1000)
    out = call(10, 900, root, {"dns": (10, 14.9), "connect": (20, 25.1), "wait": (30, 900)})

    assert [label for _, label in rows(root, out)] == [
        "api", "POST back:80 /process", "connect", "wait",
    ]  # fmt: skip


def test_a_late_body_is_drawn_as_the_calls_receive():
    root = server("in", 0, 100)
    out = call(10, 50, root, {"wait": (10, 50)})
    body = span("receive", 50, 90, out, attributes={a.BODY_OF: out.span_id})
    report = analyze([root, out, body])

    assert [(r.label, r.start_ns // MS, r.ns // MS) for r in report.timeline] == [
        ("api", 0, 100),
        ("POST back:80 /process", 10, 80),
        ("wait", 10, 40),
        ("receive", 50, 40),
    ]


def test_rows_say_what_failed_what_was_waited_for_and_what_was_not():
    root = server("in", 0, 100)
    task = span("task", 50, 150, root)
    bad = span("bad", 10, 20, root, status=Status.ERROR)
    report = analyze([root, task, bad, span("lost", 30, 40, "f" * 16)])

    by_label = {row.label: row for row in report.timeline}
    assert by_label["bad"].error
    assert by_label["bad"].on_path
    assert (by_label["task"].on_path, by_label["task"].note) == (False, "not waited for")
    assert by_label["lost"].note == "parent missing"


def test_under_a_virtual_root_every_root_stands_at_the_margin():
    assert rows(server("one", 0, 30), server("two", 50, 100, service="b")) == [(0, "api"), (0, "b")]

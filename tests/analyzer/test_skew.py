from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_building import MS, call, server, span

from analyzer.analysis import analyze
from analyzer.skew import LIMIT_NS, Exchange, fitting_shift, host_of, offset_bounds, one_clock
from analyzer.span import Kind
from tracekit.attributes import HOST_ID, HOST_IP, HOST_NAME

DAY_MS = 86_400_000


def hop(server_start, server_end, *, host="b", client_end=100, **more):
    root = server("root", 0, client_end, resource={HOST_ID: "a"}, service="front")
    out = call(0, client_end, root, resource={HOST_ID: "a"}, service="front")
    resource = {HOST_ID: host} if host else {}
    back = server("in", server_start, server_end, out, resource=resource, service="back")
    return [root, out, back]


def placed(report, name="in"):
    return [(s.start_ns // MS, (s.start_ns + s.ns) // MS) for s in report.critical_path
            if s.name == name]  # fmt: skip


def test_a_child_on_another_host_that_fits_is_left_alone():
    report = analyze(hop(15, 95))

    assert placed(report) == [(15, 95)]
    assert report.warnings == ()


def test_a_child_that_does_not_fit_is_centred_and_the_shift_is_shown():
    report = analyze(hop(1010, 1090))

    assert placed(report) == [(10, 90)]
    assert "the clock of back on b was shifted by −1.00 s" in report.warnings[0]


def test_a_child_longer_than_its_parent_is_moved_only_to_the_parents_start():
    assert fitting_shift((100, 200), (50, 250)) == 50
    assert fitting_shift((100, 200), (150, 350)) == 0


@given(*(st.integers(-(10**12), 10**12) for _ in range(4)))
def test_after_its_shift_a_child_that_can_fit_does(start, length, child_start, child_length):
    parent = (start, start + abs(length))
    child = (child_start, child_start + min(abs(child_length), abs(length)))
    shift = fitting_shift(parent, child)

    assert parent[0] <= child[0] + shift
    assert child[1] + shift <= parent[1]


def test_what_runs_on_the_childs_host_moves_with_it():
    spans = hop(1010, 1090)
    inner = span("inner", 1030, 1040, spans[-1], resource={HOST_ID: "b"}, service="back")

    assert placed(analyze([*spans, inner]), "inner") == [(30, 40)]


def test_a_call_back_to_the_first_host_is_compared_with_its_moved_parent():
    spans = hop(1010, 1090)
    back = call(1020, 1060, spans[-1], resource={HOST_ID: "b"}, service="back")
    again = server("again", 25, 55, back, resource={HOST_ID: "a"}, service="front")

    report = analyze([*spans, back, again])

    assert placed(report, "again") == [(25, 55)]
    assert len(report.warnings) == 1


def test_on_one_host_nothing_is_shifted():
    report = analyze(hop(1010, 1090, host="a"))

    assert placed(report) != [(10, 90)]
    assert not any("shifted" in warning for warning in report.warnings)


def test_an_unknown_host_is_compared():
    assert placed(analyze(hop(1010, 1090, host=None))) == [(10, 90)]


def test_on_unknown_hosts_a_task_of_the_same_process_is_not_pulled_onto_the_path():
    root = server("root", 0, 100, resource={})
    report = analyze([root, span("mail", 90, 150, root, resource={})])

    assert report.spans_off_path[0].name == "mail"
    assert report.warnings == ()


def test_a_shift_over_a_day_is_not_applied_and_reported():
    report = analyze(hop(DAY_MS + 200, DAY_MS + 260))

    assert not any("was shifted" in warning for warning in report.warnings)
    assert any("was not shifted by" in warning for warning in report.warnings)
    assert LIMIT_NS == DAY_MS * MS


def test_a_host_is_known_by_id_then_address_then_name():
    named = {HOST_NAME: "n"}
    assert host_of(span("s", 0, 1, resource=named)) == (HOST_NAME, "n")
    assert host_of(span("s", 0, 1, resource=named | {HOST_IP: ["10.0.0.1"]}))[0] == HOST_IP
    assert host_of(span("s", 0, 1, resource=named | {HOST_ID: "i"})) == (HOST_ID, "i")
    assert host_of(span("s", 0, 1, resource={})) is None


@pytest.mark.parametrize(
    ("kind", "service", "same"),
    [
        (Kind.INTERNAL, "api", True),
        (Kind.CLIENT, "api", True),
        (Kind.SERVER, "api", False),
        (Kind.INTERNAL, "other", False),
    ],
)
def test_without_hosts_one_clock_is_known_only_within_a_process(kind, service, same):
    parent = span("p", 0, 1, resource={})

    assert one_clock(parent, span("c", 0, 1, None, kind, service, resource={})) is same


def test_the_offset_between_two_hosts_is_bounded_by_every_exchange():
    exchanges = [Exchange(0, 100, 1010, 1090), Exchange(200, 260, 1203, 1251)]

    assert offset_bounds(exchanges) == (-1003, -991)


def test_no_common_offset_is_drift():
    assert offset_bounds([Exchange(0, 100, 1010, 1090), Exchange(200, 300, 1400, 1480)]) is None


def test_drift_during_one_request_is_said():
    root = server("root", 0, 1000, resource={HOST_ID: "a"}, service="front")
    spans = [root]
    for start, server_start in ((0, 1010), (200, 1400)):
        out = call(start, start + 100, root, resource={HOST_ID: "a"}, service="front")
        back = server("in", server_start, server_start + 80, out, service="back",
                      resource={HOST_ID: "b"})  # fmt: skip
        spans += [out, back]

    assert any("drifted apart" in warning for warning in analyze(spans).warnings)

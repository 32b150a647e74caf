from __future__ import annotations

import pytest
from findings_building import found, handled, opened
from trace_building import MS, attempts, call

from analyzer.analysis import analyze
from tracekit import attributes as a


def opening_a_connection(ms):
    made_on_the_line = {a.CLIENT_LINE: 41, a.CLIENT_FUNCTION: "forward"}

    def make(root):
        phases = {"connect": (10, 10 + ms), "wait": (10 + ms, 10 + ms + 1)}
        return call(10, 10 + ms + 1, root, phases, attributes=opened(**made_on_the_line))

    return make


@pytest.mark.parametrize(
    ("cost", "total", "named"),
    [(0.9, 1000, False), (1.1, 1000, True), (0.9, 80, True)],
    ids=["too little", "over 1 ms", "over 1 %"],
)
def test_a_cause_is_named_from_a_millisecond_or_a_hundredth_of_the_request(cost, total, named):
    spans = handled(total, opening_a_connection(cost))
    assert bool(found("no-connection-reuse", spans)) is named
    assert analyze(spans).hidden_findings == (not named)


def test_the_most_costly_cause_comes_first():
    tried = attempts(("::1", 100, 900, "timeout"), ("127.0.0.1", 900, 901, "ok"))

    def make(root):
        phases = {"dns": (10, 110), "connect": (110, 911), "wait": (911, 980)}
        site = {a.CLIENT_LINE: 41, a.CLIENT_FUNCTION: "forward"}
        return call(10, 980, root, phases, attributes=opened(**site, **tried))

    report = analyze(handled(1000, make))

    assert [(finding.rule, finding.cost_ns // MS) for finding in report.findings] == [
        ("no-connection-reuse", 901),
        ("address-in-vain", 800),
        ("slow-dns", 100),
    ]


@pytest.mark.parametrize(
    ("ms", "first"),
    [(0.3, "address-in-vain"), (1, "no-connection-reuse")],
    ids=["shown alike", "one shown dearer"],
)
def test_of_causes_that_are_shown_to_cost_the_same_the_narrower_comes_first(ms, first):
    tried = attempts(("::1", 10, 910, "timeout"), ("127.0.0.1", 910, 910 + ms, "ok"))

    def make(root):
        phases = {"connect": (10, 910 + ms), "wait": (910 + ms, 980)}
        site = {a.CLIENT_LINE: 41, a.CLIENT_FUNCTION: "forward"}
        return call(10, 980, root, phases, attributes=opened(**site, **tried))

    report = analyze(handled(1000, make))

    rules = [finding.rule for finding in report.findings]
    assert rules[0] == first
    assert sorted(rules) == ["address-in-vain", "no-connection-reuse"]


def test_an_innocent_request_has_no_findings():
    def reusing(root):
        phases = {"pool": (10, 10.1), "send": (10.1, 11), "wait": (11, 90)}
        return call(10, 90, root, phases, attributes={a.CONNECTION_STATE: "reused"})

    report = analyze(handled(100, reusing))
    assert (report.findings, report.hidden_findings) == ((), 0)

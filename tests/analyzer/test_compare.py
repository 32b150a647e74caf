from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.compare import Side, compare
from analyzer.measures import TOTAL, Measure
from analyzer.mix import are_alike
from analyzer.report import Edge, Milestone, Report, Root, Stage
from analyzer.verdict import Outcome, smallest_that_matters

MS = 1_000_000
S = 1_000 * MS

EMPTY = Report(
    request_id="r",
    trace_id="t",
    root=Root("stt", "POST /hear"),
    start_unix_ns=0,
    total_ns=0,
    complete=True,
    status=200,
    services=("stt",),
    milestones=(),
    stages=(),
    edges=(),
    critical_path=(),
    spans_off_path=(),
    connection_overhead_ns=0,
    findings=(),
    warnings=(),
)


def edge(handoff_ns: int | None, *, reused: bool) -> Edge:
    return Edge("stt", "pre", 1, not reused, int(reused), 0, handoff_ns, *[0] * 8)


def request(number: int = 0, **stages_ms: float) -> Report:
    """Return a request made of named stages, a few microseconds apart from every other one."""
    stages = tuple(
        Stage("stt", name, "stage", round(ms * MS) + 137 * number * (index + 1), 0.0)
        for index, (name, ms) in enumerate(stages_ms.items())
    )
    return replace(
        EMPTY,
        stages=stages,
        total_ns=sum(stage.ns for stage in stages),
        start_unix_ns=number * 10 * S,
    )


def side(n: int, **stages_ms: float) -> Side:
    return Side("x", [request(number, **stages_ms) for number in range(n)])


def totals(*milliseconds: float) -> Side:
    return Side("x", [replace(EMPTY, total_ns=round(ms * MS)) for ms in milliseconds])


def row_of(comparison, measure: Measure):
    return next(row for row in comparison.tested if row.measure == measure)


def stage(name: str) -> Measure:
    return Measure("stage", "stt", name)


def test_the_worked_example_is_inconclusive_and_says_how_many_more():
    total = compare(totals(10, 12, 14, 16, 18), totals(7, 9, 11, 13, 15)).tested[0]
    assert total.measure == TOTAL
    assert total.found.estimate == -3 * MS
    assert (total.found.low, total.found.high) == (-9 * MS, 3 * MS)
    assert total.found.u == 6
    assert total.verdict.outcome is Outcome.INCONCLUSIVE
    assert total.verdict.more == 15


def test_a_shift_whose_whole_interval_matters_is_faster():
    total = compare(totals(*range(100, 112)), totals(*range(50, 62))).tested[0]
    assert total.verdict.outcome is Outcome.FASTER


def test_the_other_way_round_is_slower():
    total = compare(totals(*range(50, 62)), totals(*range(100, 112))).tested[0]
    assert total.verdict.outcome is Outcome.SLOWER


def test_an_interval_beyond_zero_but_across_what_matters_is_faster_perhaps_by_less():
    before = [1000 + n for n in range(30)]
    total = compare(totals(*before), totals(*(ms - 50 for ms in before))).tested[0]
    assert total.verdict.delta_ns == pytest.approx(50.725 * MS)
    assert total.verdict.outcome is Outcome.FASTER_PERHAPS


def test_an_interval_within_what_matters_is_no_change():
    before = [1000 + n / 100 for n in range(30)]
    total = compare(totals(*before), totals(*(ms - 1 for ms in before))).tested[0]
    assert total.found.p < 0.001
    assert total.verdict.outcome is Outcome.NO_CHANGE


def test_no_change_never_follows_from_a_large_p():
    total = compare(totals(10, 500, 900, 1500, 30), totals(12, 480, 950, 1400, 35)).tested[0]
    assert total.found.p > 0.5
    assert total.verdict.outcome is Outcome.INCONCLUSIVE


def test_three_requests_a_side_are_too_few_for_any_verdict():
    total = compare(totals(100, 101, 102), totals(1, 2, 3)).tested[0]
    assert total.verdict.outcome is Outcome.TOO_FEW
    assert total.verdict.more == 1


def test_six_requests_a_side_are_enough_for_the_story():
    comparison = compare(
        side(6, connect=2000, llm=604, synthesis=738, own=30),
        side(6, connect=0, llm=604, synthesis=738, own=30),
    )
    assert comparison.tested[0].verdict.outcome is Outcome.FASTER
    assert row_of(comparison, stage("connect")).verdict.outcome is Outcome.FASTER
    assert row_of(comparison, stage("llm")).verdict.outcome is Outcome.NO_CHANGE


def test_what_matters_is_five_percent_but_never_under_a_millisecond():
    assert smallest_that_matters(1000 * MS) == 50 * MS
    assert smallest_that_matters(2 * MS) == MS


def test_a_stage_on_one_side_only_counts_as_nothing_on_the_other():
    row = row_of(compare(side(8, connect=2000, llm=600), side(8, llm=600)), stage("connect"))
    assert (row.before.n, row.after.n) == (8, 0)
    assert row.after.p50 == 0
    assert row.verdict.outcome is Outcome.FASTER


def test_means_of_the_stages_add_up_to_the_mean_total():
    comparison = compare(side(9, a=700, b=200, c=1), side(7, a=650, d=90))
    rows = [row for row in (*comparison.tested, *comparison.folded) if row.measure != TOTAL]
    for which in ("before", "after"):
        total = getattr(comparison.tested[0], which).mean
        assert sum(getattr(row, which).mean for row in rows) == pytest.approx(total)


def test_small_rows_are_folded_whatever_their_difference():
    comparison = compare(side(8, llm=1000, tiny=1), side(8, llm=1000, tiny=9))
    assert [row.measure for row in comparison.folded] == [stage("tiny")]
    assert comparison.folded[0].verdict is None


def test_rows_come_in_the_order_of_their_size_whatever_they_measure():
    marks = (Milestone("tts", "audio", 400 * MS),)
    reports = [
        replace(r, edges=(edge(20 * MS, reused=True),), milestones=marks)
        for r in side(5, llm=700, own=18).reports
    ]
    total, *rows = compare(Side("a", reports), Side("b", reports)).tested
    assert total.measure == TOTAL
    names = [row.measure.name or row.measure.kind for row in rows]
    assert names == ["llm", "audio", "handoff", "own"]


def test_p_is_adjusted_across_the_rows_but_not_for_the_total():
    before, after = side(5, a=500, b=300, c=200), side(5, a=400, b=310, c=220)
    total, *rows = compare(before, after).tested
    assert total.p_adjusted == total.found.p
    assert min(row.p_adjusted for row in rows) == pytest.approx(3 * min(r.found.p for r in rows))


def test_a_stage_lost_among_many_is_inconclusive_and_asks_for_more():
    names = {f"s{n}": 100 + n for n in range(12)}
    comparison = compare(side(4, **names), side(4, **{**names, "s0": 10}))
    verdict = row_of(comparison, stage("s0")).verdict
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.more >= 1


def test_hand_offs_are_compared_as_rows():
    slow = Side("a", [replace(r, edges=(edge(2 * S + n, reused=False),)) for n, r in
                      enumerate(side(8, llm=3000).reports)])  # fmt: skip
    quick = Side("b", [replace(r, edges=(edge(6 * MS + n, reused=True),)) for n, r in
                       enumerate(side(8, llm=3000).reports)])  # fmt: skip
    comparison = compare(slow, quick)
    row = row_of(comparison, Measure("handoff", "stt", peer="pre"))
    assert row.verdict.outcome is Outcome.FASTER
    assert (comparison.mix_before.reused, comparison.mix_before.known) == (0, 8)
    assert (comparison.mix_after.reused, comparison.mix_after.known) == (8, 8)


def test_a_hand_off_that_is_not_known_is_no_row():
    unknown = Side("x", [replace(EMPTY, edges=(edge(None, reused=False),))])
    comparison = compare(unknown, unknown)

    assert {row.measure.kind for row in (*comparison.tested, *comparison.folded)} == {"total"}


def test_a_milestone_counts_only_where_it_was_reached_and_the_first_time():
    marks = (Milestone("tts", "first_audio", 3 * S), Milestone("tts", "first_audio", 4 * S))
    reached = [replace(r, milestones=marks) for r in side(5, llm=5000).reports]
    before = Side("a", [*reached, *side(3, llm=5000).reports])
    row = row_of(compare(before, before), Measure("milestone", "tts", "first_audio"))
    assert (row.before.n, row.before.values, row.before.p50) == (5, 5, 3 * S)


def test_a_milestone_that_one_side_never_reached_has_no_verdict():
    marked = [
        replace(r, milestones=(Milestone("tts", "audio", 3 * S),)) for r in side(5, a=9000).reports
    ]
    comparison = compare(Side("a", marked), side(5, a=9000))
    assert comparison.folded[0].measure == Measure("milestone", "tts", "audio")


def test_concurrency_is_how_many_ran_at_once_while_any_ran():
    one_by_one = [replace(EMPTY, total_ns=S, start_unix_ns=n * 10 * S) for n in range(4)]
    together = [replace(EMPTY, total_ns=S, start_unix_ns=0) for _ in range(4)]
    comparison = compare(Side("a", one_by_one), Side("b", together))
    assert comparison.mix_before.concurrency == 1
    assert comparison.mix_after.concurrency == 4


def test_mixes_differ_when_a_share_does():
    assert are_alike({"a": 30, "b": 1}, {"a": 60})
    assert not are_alike({"a": 30}, {"a": 20, "b": 10})
    assert not are_alike({"200": 5}, {"500": 5})

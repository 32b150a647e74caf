from __future__ import annotations

import pytest

from tracekit.delivery import (
    ATTEMPTS,
    Answer,
    Verdict,
    absence,
    judge,
    parse_retry_after,
    pause_before,
    rejected,
)


@pytest.mark.parametrize("status", [429, 502, 503, 504, None])
def test_only_the_specifications_statuses_and_no_answer_are_tried_again(
    status: int | None,
) -> None:
    assert judge(Answer(status)) is Verdict.TRY_AGAIN


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500, 501])
def test_any_other_status_refuses_the_batch(status: int) -> None:
    assert judge(Answer(status)) is Verdict.REFUSED


def test_any_success_delivers() -> None:
    assert {judge(Answer(status)) for status in (200, 202, 204)} == {Verdict.DELIVERED}


def test_only_a_kept_alive_connection_that_was_lost_is_tried_again_at_once() -> None:
    assert pause_before(2, Answer(stale=True)) == 0
    assert (pause_before(3, Answer(stale=True)) or 0) > 0
    assert 0 < (pause_before(2, Answer()) or 0) <= 1
    assert 0 < (pause_before(3, Answer()) or 0) <= 1
    assert pause_before(ATTEMPTS + 1, Answer()) is None


def test_a_batch_that_timed_out_is_not_sent_again_meanwhile() -> None:
    assert pause_before(2, Answer(timed_out=True)) is None
    assert pause_before(2, Answer(timed_out=True, stale=True)) is None


def test_retry_after_is_obeyed_within_limits() -> None:
    assert pause_before(2, Answer(503, retry_after=1)) == 1
    assert pause_before(2, Answer(503, retry_after=60)) is None
    assert absence(1, Answer(503, retry_after=20)) == 20
    assert absence(1, Answer(503, retry_after=3600)) == 30


def test_the_absence_doubles_up_to_its_limit() -> None:
    assert [absence(n, Answer()) for n in (1, 2, 3, 9, 1000)] == [1, 2, 4, 30, 30]


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), (None, None), ("Wed, 21 Oct", None), ("-1", None), ("", None)]
)
def test_retry_after_is_read_as_seconds(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", None),
        (b'{"partialSuccess":{}}        ', None),
        (b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"m"}}', "3 spans rejected: m"),
        (b"\x0a\x00 a protobuf answer of that length", None),
        (b"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", None),
    ],
)
def test_a_partial_success_is_heard(body: bytes, words: str | None) -> None:
    assert rejected(body) == words

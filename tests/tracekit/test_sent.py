from __future__ import annotations

from tracekit import attributes as names
from tracekit.sent import Received, Sent

MS = 1_000_000
START = 1_000 * MS
"""When the span began."""


def test_nothing_read_says_nothing() -> None:
    assert Received().attributes(START) == {}


def test_a_body_that_was_asked_for_and_is_empty_says_nothing() -> None:
    body = Received()
    body.add(0, START, START + MS)

    assert body.attributes(START) == {}


def test_a_body_runs_from_the_first_question_to_the_last_piece() -> None:
    body = Received()
    body.add(100, START + 5 * MS, START + 7 * MS)
    body.add(50, START + 20 * MS, START + 50 * MS)
    body.add(0, START + 51 * MS, START + 52 * MS)

    assert body.attributes(START) == {
        names.REQUEST_BODY: (5 * MS, 52 * MS),
        names.REQUEST_BODY_WAIT: 33 * MS,
        names.REQUEST_BODY_BYTES: 150,
    }


def test_a_response_without_a_body_has_no_bytes() -> None:
    assert Sent().attributes(START) == {names.BODY_BYTES: 0, names.BODY_CHUNKS: 0}


def test_a_body_in_one_piece_has_no_gaps() -> None:
    body = Sent()
    body.add(10, START + MS, START + 9 * MS)

    assert body.attributes(START) == {
        names.BODY_BYTES: 10,
        names.BODY_CHUNKS: 1,
        names.BODY_FIRST_CHUNK: MS,
    }


def test_gaps_run_from_one_piece_to_the_next() -> None:
    body = Sent()
    for at in (10, 20, 35, 40):
        body.add(10, START + at * MS, START + at * MS)

    found = body.attributes(START)
    assert found[names.BODY_GAP_P50] == 10 * MS
    assert found[names.BODY_LARGEST_GAP] == found[names.BODY_GAP_P95] == 15 * MS
    assert names.BODY_STALLS not in found
    assert names.BODY_CONSUMER not in found


def test_a_pause_of_the_application_is_a_stall_and_starts_where_it_began() -> None:
    body = Sent()
    for at in (10, 20, 30, 230, 240):
        body.add(10, START + at * MS, START + at * MS)

    found = body.attributes(START)
    assert found[names.BODY_STALLS] == 1
    assert found[names.BODY_STALL_STARTS] == (30 * MS,)
    assert found[names.BODY_STALL_LENGTHS] == (200 * MS,)


def test_what_a_slow_client_held_is_its_own_and_no_stall() -> None:
    body = Sent()
    body.add(10, START, START)
    body.add(10, START + 10 * MS, START + 310 * MS)
    body.add(10, START + 320 * MS, START + 320 * MS)

    found = body.attributes(START)
    assert found[names.BODY_CONSUMER] == 300 * MS
    assert found[names.BODY_LARGEST_GAP] == 310 * MS
    assert names.BODY_STALLS not in found


def test_a_file_that_the_server_sends_by_itself_has_no_size() -> None:
    body = Sent()
    body.is_unseen = True

    assert body.attributes(START) == {}

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from phase_records import records

from tracekit.phases import Attempt, ConnectionPhases, Lookup


@given(records(), st.integers(0, 1_200))
def test_phases_are_in_order_disjoint_and_inside_the_span(record, end):
    length = max(0, end - record.start)
    cursor = 0
    for start, stop in record.bounds(end).values():
        assert cursor <= start <= stop <= length
        cursor = stop


@given(records(), st.integers(0, 1_200))
def test_phases_and_residual_are_the_whole_span(record, end):
    phases = sum(stop - start for start, stop in record.bounds(end).values())

    assert phases + record.residual(end) == max(0, end - record.start)
    assert record.residual(end) >= 0


def test_a_phase_that_is_still_open_runs_to_the_end():
    record = ConnectionPhases("urllib3", 100)
    record.begin("wait", 110)

    assert record.bounds(150) == {"wait": (10, 50)}


def test_a_phase_closed_by_an_error_keeps_its_end():
    record = ConnectionPhases("urllib3", 100)
    record.begin("wait", 110)
    record.close(130)

    assert record.bounds(150) == {"wait": (10, 30)}
    assert record.residual(150) == 30


def test_ending_a_phase_that_was_never_open_is_nothing():
    record = ConnectionPhases("urllib3", 0)
    record.end("wait", 10)

    assert record.bounds(50) == {}


def test_connect_runs_from_the_first_address_to_the_last_end():
    record = ConnectionPhases("httpx", 0)
    record.attempts = [Attempt("::1", 10, 90, "cancelled"), Attempt("127.0.0.1", 60, 70, "ok")]

    assert record.bounds(100)["connect"] == (10, 90)


def test_a_second_look_up_between_two_attempts_belongs_to_connect():
    record = ConnectionPhases("httpx", 0)
    record.lookups = [Lookup("a.test", 5, 10), Lookup("a.test", 40, 60)]
    record.attempts = [Attempt("::1", 12, 40, "timeout"), Attempt("::1", 60, 70, "ok")]

    assert record.bounds(100) == {"dns": (5, 10), "connect": (12, 70)}


def test_a_name_that_was_not_found_leaves_no_connect():
    record = ConnectionPhases("httpx", 0)
    record.begin("connect", 5)
    record.lookups = [Lookup("a.test", 5, 10, error="EAI_NONAME")]

    assert record.bounds(20) == {"dns": (5, 10)}

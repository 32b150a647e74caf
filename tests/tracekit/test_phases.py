from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracekit import attributes as names
from tracekit.chunks import Chunks
from tracekit.phase_attributes import attributes_of, body_attributes_of
from tracekit.phases import Attempt, CallSite, ConnectionPhases, Lookup

moments = st.integers(min_value=-50, max_value=1_000)
marks = st.dictionaries(st.sampled_from(names.PHASES), st.tuples(moments, moments))
rows = st.lists(st.tuples(moments, moments), max_size=4)


@st.composite
def records(draw):
    """Records as a broken clock, a confused library or an early error might leave them."""
    record = ConnectionPhases("urllib3", draw(st.integers(0, 100)))
    for phase, (start, end) in draw(marks).items():
        record.begin(phase, start)
        if draw(st.booleans()):
            record.end(phase, end)
    record.lookups = [Lookup("a.test", *pair) for pair in draw(rows)]
    record.attempts = [Attempt("::1", *pair, "ok") for pair in sorted(draw(rows))]
    record.state = "new"
    return record


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


@given(records(), st.integers(0, 1_200))
def test_times_in_attributes_are_never_negative(record, end):
    for name, value in attributes_of(record, end).items():
        for number in value if isinstance(value, tuple) else ():
            assert not isinstance(number, int) or number >= 0, name


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


def test_sites_and_addresses_are_told_for_new_connections_only():
    record = ConnectionPhases("httpx", 0)
    record.call_site = record.client_site = CallSite("app.py", 3, "forward")
    record.attempts = [Attempt("::1", 12, 40, "timeout")]

    record.state = "reused"
    assert not {names.CODE_FILE, names.CLIENT_FILE} & set(attributes_of(record, 50))
    record.state = "new"
    told = attributes_of(record, 50)
    assert (told[names.CODE_FILE], told[names.CODE_LINE]) == ("app.py", 3)
    assert told[names.ATTEMPT_OUTCOMES] == ("timeout",)


def test_a_late_body_counts_from_its_own_span():
    record = ConnectionPhases("httpx", 0)
    record.body, record.body_complete = Chunks(70), True

    told = body_attributes_of(record, 50)
    assert told[names.BODY_FIRST_CHUNK] == 20
    assert told[names.BODY_COMPLETE] is True

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phase_records import records

from tracekit import attributes as names
from tracekit.chunks import Chunks
from tracekit.phase_attributes import attributes_of, body_attributes_of
from tracekit.phases import Attempt, CallSite, ConnectionPhases, Lookup

MILLISECOND = 1_000_000
EVENTS = {"content-type": "Text/event-stream; charset=utf-8"}


def chunks(*times):
    first, *rest = times
    body = Chunks(first * MILLISECOND)
    for at in rest:
        body.add(at * MILLISECOND)
    return body


@given(records(), st.integers(0, 1_200))
def test_times_are_never_negative(record, end):
    for name, value in attributes_of(record, end).items():
        for number in value if isinstance(value, tuple) else (value,):
            assert not isinstance(number, int | float) or number >= 0, name


@given(records(), st.integers(0, 1_200))
def test_all_that_is_told_is_what_a_span_can_carry(record, end):
    for value in attributes_of(record, end).values():
        items = value if isinstance(value, tuple) else (value,)
        assert len({type(one) for one in items}) <= 1
        assert all(isinstance(one, str | bool | int | float) for one in items)


@given(records(), st.integers(0, 1_200))
def test_every_phase_is_told_as_the_record_bounds_it(record, end):
    told = attributes_of(record, end)

    assert {one: told.get(names.phase(one)) for one in names.PHASES} == {
        one: record.bounds(end).get(one) for one in names.PHASES
    }


PLAIN = {
    "status": (names.HTTP_STATUS, 200),
    "error": (names.ERROR_TYPE, "ReadTimeout"),
    "protocol": (names.PROTOCOL_VERSION, "1.1"),
    "state": (names.CONNECTION_STATE, "reused"),
    "connection_id": (names.CONNECTION_ID, "1-1"),
    "connection_use": (names.CONNECTION_USE, 2),
    "connection_age": (names.CONNECTION_AGE, 0),
    "connection_idle": (names.CONNECTION_IDLE, 0),
    "proxy": (names.PROXY, "proxy.test:3128"),
    "rtt": (names.TCP_RTT, 5),
    "retransmits": (names.TCP_RETRANSMITS, 1),
    "discards": (names.POOL_DISCARDS, 3),
    "client_age": (names.CLIENT_AGE, 0),
    "client_setup": (names.CLIENT_SETUP, 7),
    "client_requests": (names.CLIENT_REQUESTS, 0),
    "resends": (names.HTTP_RESEND_COUNT, 1),
    "redirects": (names.REDIRECT, 2),
    "collecting": (names.GC_TIME, 9),
    "inferred": (names.INFERRED, ("state",)),
    "body_bytes": (names.BODY_BYTES, 0),
    "body_complete": (names.BODY_COMPLETE, False),
}


@pytest.mark.parametrize("field", PLAIN)
def test_a_field_is_told_once_it_is_known(field):
    name, value = PLAIN[field]
    record = ConnectionPhases("httpx", 0)
    assert name not in attributes_of(record, 1)

    setattr(record, field, value)
    assert attributes_of(record, 1)[name] == value


def test_a_record_of_which_nothing_is_known_tells_the_library():
    assert attributes_of(ConnectionPhases("httpx", 0), 10) == {names.CLIENT_LIBRARY: "httpx"}


def test_both_ends_of_the_connection_are_told():
    record = ConnectionPhases("httpx", 0)
    record.peer, record.local = ("10.0.0.1", 443), ("10.0.0.2", 50_000)
    told = attributes_of(record, 1)

    assert (told[names.PEER_ADDRESS], told[names.PEER_PORT]) == ("10.0.0.1", 443)
    assert (told[names.LOCAL_ADDRESS], told[names.LOCAL_PORT]) == ("10.0.0.2", 50_000)


def test_a_client_is_told_with_its_calls_place_or_for_a_new_connection():
    record = ConnectionPhases("httpx", 0)
    record.client_site = CallSite("app.py", 3, "forward")

    record.state = "reused"
    assert names.CLIENT_FILE not in attributes_of(record, 50)
    record.call_site = CallSite("app.py", 9, "ask")
    told = attributes_of(record, 50)
    assert (told[names.CODE_LINE], told[names.CLIENT_LINE]) == (9, 3)


def test_addresses_are_told_for_new_connections_only():
    record = ConnectionPhases("httpx", 0)
    record.call_site = record.client_site = CallSite("app.py", 3, "forward")
    record.attempts = [Attempt("::1", 12, 40, "timeout")]

    record.state = "reused"
    assert names.ATTEMPT_OUTCOMES not in attributes_of(record, 50)
    record.state = "new"
    told = attributes_of(record, 50)
    assert (told[names.CODE_FILE], told[names.CODE_LINE]) == ("app.py", 3)
    assert (told[names.CLIENT_FUNCTION], told[names.CLIENT_LINE]) == ("forward", 3)
    assert told[names.ATTEMPT_OUTCOMES] == ("timeout",)
    assert (told[names.ATTEMPT_STARTS], told[names.ATTEMPT_ENDS]) == ((12,), (40,))


def test_the_last_look_up_is_told_with_its_addresses_or_its_error():
    record = ConnectionPhases("httpx", 0)
    record.state = "new"
    record.lookups = [Lookup("a.test", 1, 2, error="EAI_AGAIN")]
    told = attributes_of(record, 50)
    assert (told[names.DNS_HOST], told[names.DNS_ERROR]) == ("a.test", "EAI_AGAIN")
    assert names.DNS_ADDRESSES not in told

    record.lookups.append(Lookup("a.test", 3, 4, ("::1", "127.0.0.1")))
    told = attributes_of(record, 50)
    assert told[names.DNS_ADDRESSES] == ("::1", "127.0.0.1")
    assert names.DNS_ERROR not in told


def test_time_before_the_handshake_is_the_set_up_of_tls():
    record = ConnectionPhases("httpx", 0)
    record.state, record.tls = "new", {names.TLS_VERSION: "1.3"}
    record.begin("tls", 10)
    record.handshake = 25
    record.end("tls", 40)
    told = attributes_of(record, 50)

    assert (told[names.TLS_SETUP], told[names.TLS_VERSION]) == (15, "1.3")


def test_the_phase_in_which_a_call_failed_is_its_last_one():
    record = ConnectionPhases("httpx", 0)
    record.begin("send", 10)
    record.end("send", 20)
    record.begin("wait", 20)
    record.error = "ReadTimeout"

    assert attributes_of(record, 50)[names.ERROR_PHASE] == "wait"


def test_a_status_that_is_an_error_failed_in_no_phase():
    record = ConnectionPhases("httpx", 0)
    record.begin("receive", 10)
    record.status, record.error = 503, "503"

    assert names.ERROR_PHASE not in attributes_of(record, 50)


def test_only_phases_that_happened_are_said_to_be_derived():
    record = ConnectionPhases("httpx", 0)
    record.derived = ("pool", "tls")
    assert names.DERIVED not in attributes_of(record, 50)

    record.begin("pool", 1)
    assert attributes_of(record, 50)[names.DERIVED] == ("pool",)


def test_a_body_tells_its_chunks_gaps_and_stalls_from_the_spans_start():
    record = ConnectionPhases("httpx", 100 * MILLISECOND)
    record.body, record.body_unit = chunks(300, 350, 400, 1_000, 1_050), "wire_reads"
    told = attributes_of(record, 2_000 * MILLISECOND)

    assert (told[names.BODY_CHUNKS], told[names.BODY_UNIT]) == (5, "wire_reads")
    assert told[names.BODY_FIRST_CHUNK] == 200 * MILLISECOND
    assert told[names.BODY_GAP_P50] == 50 * MILLISECOND
    assert told[names.BODY_GAP_P95] == told[names.BODY_LARGEST_GAP] == 600 * MILLISECOND
    assert (told[names.BODY_STALLS], told[names.BODY_STALL_TIME]) == (1, 600 * MILLISECOND)
    assert told[names.BODY_STALL_STARTS] == (300 * MILLISECOND,)
    assert told[names.BODY_STALL_LENGTHS] == (600 * MILLISECOND,)
    assert not {names.FIRST_CHUNK_SECONDS, names.PER_CHUNK_SECONDS} & set(told)


def test_a_body_of_one_chunk_has_no_gaps_and_one_without_stalls_tells_none():
    record = ConnectionPhases("httpx", 0)
    record.body = chunks(5)
    assert names.BODY_LARGEST_GAP not in attributes_of(record, 50)

    record.body = chunks(5, 10, 15)
    told = attributes_of(record, 50)
    assert told[names.BODY_LARGEST_GAP] == 5 * MILLISECOND
    assert not {names.BODY_STALLS, names.BODY_STALL_TIME, names.BODY_CONSUMER} & set(told)


def test_the_readers_own_time_is_told_apart():
    record = ConnectionPhases("httpx", 0)
    record.body = chunks(5)
    record.body.add(20 * MILLISECOND, 12 * MILLISECOND)

    assert attributes_of(record, 50)[names.BODY_CONSUMER] == 12 * MILLISECOND


def test_an_event_stream_has_the_names_of_the_genai_conventions_in_seconds():
    record = ConnectionPhases("httpx", 0)
    record.response_headers = EVENTS
    record.body = chunks(200, 250, 300, 900, 950)
    told = attributes_of(record, 50)

    assert told[names.FIRST_CHUNK_SECONDS] == 0.2
    assert told[names.PER_CHUNK_SECONDS] == 0.1875


@pytest.mark.parametrize("headers", [None, {}, {"content-type": "application/json"}])
def test_a_body_of_anything_else_has_none_of_those_names(headers):
    record = ConnectionPhases("httpx", 0)
    record.response_headers, record.body = headers, chunks(200, 300)

    assert not {names.FIRST_CHUNK_SECONDS, names.PER_CHUNK_SECONDS} & set(attributes_of(record, 9))


def test_an_event_stream_of_one_event_has_no_time_per_event():
    record = ConnectionPhases("httpx", 0)
    record.response_headers, record.body = EVENTS, chunks(200)
    told = attributes_of(record, 50)

    assert told[names.FIRST_CHUNK_SECONDS] == 0.2
    assert names.PER_CHUNK_SECONDS not in told


def test_a_late_body_counts_from_its_own_span_but_for_the_time_to_the_first_chunk():
    record = ConnectionPhases("httpx", 0)
    record.response_headers = EVENTS
    record.body, record.body_complete = chunks(70, 80, 300), True
    told = body_attributes_of(record, 50 * MILLISECOND)

    assert told[names.BODY_FIRST_CHUNK] == 20 * MILLISECOND
    assert told[names.BODY_STALL_STARTS] == (30 * MILLISECOND,)
    assert told[names.FIRST_CHUNK_SECONDS] == 0.07
    assert told[names.BODY_COMPLETE] is True
    assert names.CLIENT_LIBRARY not in told

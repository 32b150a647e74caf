from __future__ import annotations

import pytest
from trace_building import EPOCH, MS, call, span

from analyzer.commands.reading import history_of
from analyzer.requests import last_use
from analyzer.store import open_store
from tracekit import attributes as a

PROCESS = "one-host 100"
BORN = EPOCH - 60_000 * MS


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "traces.duckdb", create=True) as made:
        yield made


def used(start, end, *, born=BORN, **more):
    age = EPOCH + start * MS - born
    attributes = {a.CLIENT_AGE: age, a.CONNECTION_STATE: "reused", **more.pop("attributes", {})}
    return call(start, end, None, attributes=attributes, **more)


def asked(store, before=1_000, born=BORN, process=PROCESS):
    return last_use(
        store, "api", "back:80",
        process=process, born_ns=born, within_ns=100 * MS, before_ns=EPOCH + before * MS,
    )  # fmt: skip


def test_it_is_the_latest_end_of_the_clients_calls_that_began_before(store):
    store.insert([used(10, 90), used(100, 150), used(1_000, 1_050)])

    assert asked(store) == EPOCH + 150 * MS
    assert asked(store, before=10) is None


def test_another_client_another_process_and_another_server_do_not_count(store):
    elsewhere = {a.SERVER_PORT: 81}
    store.insert(
        [
            used(10, 20),
            used(30, 40, born=BORN + 500 * MS),
            used(50, 60, resource={a.HOST_ID: "one-host", a.PROCESS_PID: 7}),
            used(70, 80, attributes=elsewhere),
            used(90, 95, service="other"),
        ]
    )

    assert asked(store) == EPOCH + 20 * MS


def test_a_call_without_an_answer_leaves_no_connection_and_does_not_count(store):
    store.insert([used(10, 20), used(30, 40, attributes={a.HTTP_STATUS: None})])

    assert asked(store) == EPOCH + 20 * MS


def test_a_body_that_was_read_after_the_span_had_ended_counts(store):
    headers = used(10, 20)
    body = span("receive", 20, 700, headers, attributes={a.BODY_OF: headers.span_id})
    store.insert([headers, body])

    assert asked(store) == EPOCH + 700 * MS


def test_a_history_asks_the_store_once_for_calls_side_by_side(store):
    store.insert([used(10, 20)])
    history = history_of(store)
    question = {"process": PROCESS, "born_ns": BORN, "within_ns": 100 * MS}

    first = history.last_use("api", "back:80", before_ns=EPOCH + 100 * MS, **question)
    store.insert([used(30, 40)])

    assert first == EPOCH + 20 * MS
    assert history.last_use("api", "back:80", before_ns=EPOCH + 101 * MS, **question) == first

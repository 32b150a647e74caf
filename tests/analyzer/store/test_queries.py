from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import analyzer.store
from analyzer.decode.files import decode_line
from analyzer.span import Kind
from analyzer.store import open_store
from analyzer.store.queries import INTERNAL, READABLE, sql
from analyzer.trace import grow
from analyzer.twins import fold
from tracekit import attributes as a

FOLDER = Path(analyzer.store.__file__).parent / "sql"


def test_every_file_is_registered_and_every_entry_has_a_file():
    assert {path.stem for path in FOLDER.glob("*")} == READABLE | INTERNAL


def test_a_query_is_either_readable_or_internal():
    assert not READABLE & INTERNAL


@pytest.mark.parametrize("name", sorted(READABLE))
def test_a_readable_query_only_reads(name):
    code = "\n".join(line for line in sql(name).splitlines() if not line.startswith("--"))

    assert code.split()[0] in {"SELECT", "WITH"}


@pytest.mark.parametrize("name", ["insert_body", "nothing", "../views"])
def test_only_readable_queries_can_be_asked(tmp_path, name):
    with open_store(tmp_path / "t.duckdb", create=True) as store, pytest.raises(KeyError):
        store.query(name)


def test_the_view_for_people_has_times_and_milliseconds(tmp_path):
    import duckdb
    from store_building import START, span

    with open_store(tmp_path / "t.duckdb", create=True) as store:
        store.insert([span(0, attributes={"http.route": "/hear", "n": 3})])
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        row = connection.execute(
            "SELECT epoch_ns(start), ms, attributes['http.route'], attributes['n'] + 1 "
            "FROM spans_ms"
        ).fetchone()

    assert row == (START, 0.5, "/hear", 4)


def rows_of(path, spans, columns):
    import duckdb

    with open_store(path, create=True) as store:
        store.insert(spans)
    with duckdb.connect(str(path)) as connection:
        return connection.execute(f"SELECT {columns} FROM spans_ms ORDER BY start").fetchall()


def test_the_view_for_people_tells_of_a_services_own_side(tmp_path):
    from store_building import span

    told = {
        a.QUEUE: 208_000_000,
        a.FIRST_BYTE: 1_500_000,
        a.LOOP_LAG: "nonsense",
        a.ENDED: "client_left",
    }
    columns = "queue_ms, first_byte_ms, loop_lag_ms, ended"
    spans = [span(0, attributes=told), span(1)]

    assert rows_of(tmp_path / "t.duckdb", spans, columns) == [
        (208.0, 1.5, None, "client_left"),
        (None, None, None, None),
    ]


def test_the_view_for_people_shows_a_request_that_two_instrumentations_saw_once(tmp_path):
    line = (Path(__file__).parents[2] / "data" / "fastapi.json").read_text()
    spans = decode_line(line).spans
    rows = rows_of(tmp_path / "t.duckdb", spans, "kind, name, span_id, parent_span_id")

    ((_, _, server, _),) = [row for row in rows if row[0] == "server"]
    parents = {name: parent for _, name, _, parent in rows}
    assert parents["fastapi.endpoint"] == parents["background"] == server
    assert len(rows) == len(spans) - 1


OUTER = {
    "trace_id": "a" * 32,
    "span_id": "1" * 16,
    "kind": Kind.SERVER,
    "start_ns": 1_000_000_000,
    "end_ns": 1_100_000_000,
    "service": "hear",
    "resource": {a.HOST_ID: "one", a.PROCESS_PID: 1},
    "attributes": {a.URL_PATH: "/hear", a.HTTP_METHOD: "GET", a.PEER_PORT: 1},
}
MIDDLEWARE = {"http.method": "GET", "http.target": "/hear?x=1", "net.peer.port": "1"}
INSIDE = {"span_id": "2" * 16, "parent_id": OUTER["span_id"]}
CASES = {
    "the same": {},
    "internal": {"kind": Kind.INTERNAL, "attributes": MIDDLEWARE},
    "internal, by its route": {
        "kind": Kind.INTERNAL,
        "attributes": {a.HTTP_METHOD: "GET", a.HTTP_ROUTE: "/{x}"},
    },
    "internal, no request": {"kind": Kind.INTERNAL, "attributes": {a.HTTP_METHOD: "GET"}},
    "a call": {"kind": Kind.CLIENT, "attributes": MIDDLEWARE},
    "another path": {"attributes": MIDDLEWARE | {"http.target": "/other"}},
    "another port": {"attributes": MIDDLEWARE | {"net.peer.port": 2}},
    "another method": {"attributes": MIDDLEWARE | {"http.method": "PUT"}},
    "only a URL": {"attributes": {a.URL_FULL: "http://there/other"}},
    "nothing said": {"attributes": {}},
    "another service": {"service": "speak"},
    "another process": {"resource": {a.HOST_ID: "one", a.PROCESS_PID: 2}},
    "a small part": {"start_ns": 1_060_000_000},
    "a small part, of what path": {
        "start_ns": 1_060_000_000,
        "attributes": {a.HTTP_METHOD: "GET"},
    },
    "after it": {"start_ns": 2_060_000_000},
    "other trace": {"trace_id": "b" * 32},
}
ONE_REQUEST = {
    *("the same", "internal", "internal, by its route", "only a URL", "nothing said"),
    "a small part",
}
PROCESSES = {
    "unknown": {},
    "no host": {a.PROCESS_PID: 1},
    "no process": {a.HOST_NAME: "one"},
    "empty": {a.SERVICE_INSTANCE_ID: "", a.PROCESS_PID: 1},
    "instance": {a.SERVICE_INSTANCE_ID: "x"},
}
KNOWN = {"instance"}
KNOWN_PROCESS = PROCESSES["instance"]


def twins(inner=None, process=None):
    """Return a request's span, one inside it, and work below that."""
    from store_building import span

    more = {} if process is None else {"resource": process}
    outer = span(**{**OUTER, **more})
    inside = span(**{**OUTER, **INSIDE, **more, **(inner or {})})
    return [outer, inside, replace(inside, **work_under(inside, "3" * 16))]


def work_under(parent, span_id):
    return {
        "span_id": span_id, "parent_id": parent.span_id, "kind": Kind.INTERNAL, "attributes": {},
    }  # fmt: skip


def as_analysed(spans):
    """Return by its id every span's parent, of those that the analysis keeps."""
    forest = grow(spans)
    fold(forest)
    return {node.span.span_id: node.parent and node.parent.span.span_id for node in forest.nodes}


def assert_the_view_agrees(path, spans, number):
    kept = as_analysed(spans)
    assert len(kept) == number
    rows = dict(rows_of(path, spans, "span_id, parent_span_id"))
    assert rows.keys() == kept.keys()
    assert {name: rows[name] for name, parent in kept.items() if parent} == {
        name: parent for name, parent in kept.items() if parent
    }


@pytest.mark.parametrize("case", CASES)
def test_the_view_folds_what_the_analysis_folds(case, tmp_path):
    number = 2 if case in ONE_REQUEST else 3
    assert_the_view_agrees(tmp_path / "t.duckdb", twins(CASES[case]), number)


@pytest.mark.parametrize("case", PROCESSES)
def test_the_view_and_the_analysis_know_the_same_processes(case, tmp_path):
    number = 2 if case in KNOWN else 3
    assert_the_view_agrees(tmp_path / "t.duckdb", twins(process=PROCESSES[case]), number)


def test_three_layers_are_one_row_of_the_view_and_of_the_analysis(tmp_path):
    outer, inside, work = twins(CASES["internal"])
    third = replace(outer, span_id="4" * 16, parent_id=inside.span_id)
    spans = [outer, inside, third, replace(work, parent_id=third.span_id)]

    assert_the_view_agrees(tmp_path / "t.duckdb", spans, 2)


def test_nothing_is_folded_into_what_is_no_server_span(tmp_path):
    spans = twins(CASES["internal"])
    spans[0] = replace(spans[0], kind=Kind.INTERNAL)

    assert_the_view_agrees(tmp_path / "t.duckdb", spans, 3)


def test_spans_that_name_each_other_as_their_parent_stay_in_the_view(tmp_path):
    outer, inside, _ = twins()
    spans = [replace(outer, parent_id=inside.span_id), inside]

    assert len(rows_of(tmp_path / "t.duckdb", spans, "name")) == 2


def test_the_view_for_people_keeps_what_only_the_inner_one_knows(tmp_path):
    known = {a.FIRST_BYTE: 1_500_000, a.ENDED: "complete"}
    inner = {"request_id": "turn-7", "attributes": OUTER["attributes"] | known}
    columns = "kind, request_id, first_byte_ms, ended"
    rows = rows_of(tmp_path / "t.duckdb", twins(inner, KNOWN_PROCESS), columns)

    assert [row for row in rows if row[0] == "server"] == [("server", "turn-7", 1.5, "complete")]

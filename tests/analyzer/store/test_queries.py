from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import analyzer.store
from analyzer.decode.files import decode_line
from analyzer.span import Kind
from analyzer.store import open_store
from analyzer.store.queries import INTERNAL, READABLE, sql
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


def test_a_request_of_another_process_stays_a_row_of_its_own(tmp_path):
    from store_building import span

    outer = span(0, kind=Kind.SERVER, resource={a.PROCESS_PID: 1})
    inner = span(0, span_id="b" * 16, parent_id=outer.span_id, kind=Kind.SERVER)
    for pid, number in ((1, 1), (2, 2)):
        path = tmp_path / f"{pid}.duckdb"
        spans = [outer, replace(inner, resource={a.PROCESS_PID: pid})]
        assert len(rows_of(path, spans, "name")) == number

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer.store
from analyzer.store import open_store
from analyzer.store.queries import INTERNAL, READABLE, sql

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

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from store_building import span

from analyzer.errors import NewerStore, NotAStore, StoreBusy, StoreError
from analyzer.requests import recent
from analyzer.store import open_store, opening

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRACEKIT_STORE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.duckdb"


@pytest.fixture
def filled(path):
    with open_store(path, create=True) as store:
        store.insert([span(1)])
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refusal(path: Path, kind: type[StoreError] = NotAStore) -> str:
    """Open what cannot be opened; return the message, having seen that the file is unchanged."""
    before = digest(path)
    with pytest.raises(kind) as caught:
        open_store(path, create=True)
    assert digest(path) == before
    message = str(caught.value)
    assert "\n" not in message
    assert "Nothing was changed" in message
    return message


def test_what_was_stored_is_there_when_opened_again(filled):
    with open_store(filled) as store:
        assert store.query("extent")[0]["spans"] == 1


def test_a_file_says_which_duckdb_reads_it(filled):
    with duckdb.connect(str(filled)) as connection:
        row = connection.execute("SELECT version, minimal_duckdb FROM tracekit_schema").fetchone()
        (tags,) = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE path IS NOT NULL"
        ).fetchone()

    assert row == (1, "1.5.0")
    assert tags["storage_version"].startswith("v1.5")


def test_a_path_that_does_not_exist_is_named_and_not_made(path):
    with pytest.raises(StoreError, match=r"there is no store .*some\.duckdb"):
        open_store(path)

    assert not path.exists()


def test_without_any_trace_the_default_store_says_what_to_do(home):
    with pytest.raises(StoreError, match="tracekit demo"):
        open_store()

    assert not home.exists()


def test_tracekit_store_is_the_default(path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_STORE", str(path))

    open_store(create=True).close()

    assert path.exists()


def test_a_missing_store_that_tracekit_store_names_is_no_empty_data_folder(path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_STORE", str(path))

    with pytest.raises(StoreError, match=r"there is no store .*Check TRACEKIT_STORE; nothing was"):
        open_store()

    assert not path.exists()


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(NotAStore, match="is a folder"):
        open_store(tmp_path)


@pytest.mark.parametrize("content", [b"hello", b"SQLite format 3\0" * 1000, b"\0" * 40_000])
def test_a_foreign_file_is_left_as_it_was(path, content):
    path.write_bytes(content)

    assert "is not a tracekit store" in refusal(path)


def test_a_foreign_database_is_left_as_it_was(path):
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 42 AS answer")

    assert 'no table "spans"' in refusal(path)


def test_an_empty_file_is_no_store_but_may_become_one(path):
    path.touch()

    with pytest.raises(NotAStore, match="is empty"):
        open_store(path)
    assert path.stat().st_size == 0
    with open_store(path, create=True) as store:
        assert store.query("extent")[0]["spans"] == 0


def test_a_pipe_is_no_store_and_stays(path):
    os.mkfifo(path)

    for create in (True, False):
        with pytest.raises(NotAStore, match=r"not a regular file.* Nothing was changed"):
            open_store(path, create=create)
    assert path.is_fifo()


@pytest.mark.parametrize("target_exists", [True, False])
def test_a_link_to_a_new_store_stays_a_link(path, tmp_path, target_exists):
    target = tmp_path / "disk" / "real.duckdb"
    if target_exists:
        target.parent.mkdir()
        target.touch()
    path.symlink_to(target)

    with open_store(path, create=True) as store:
        store.insert([span(1)])

    assert path.is_symlink()
    with open_store(target) as store:
        assert store.query("extent")[0]["spans"] == 1


def test_a_link_to_a_pipe_leaves_both(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    path.symlink_to(tmp_path / "pipe")

    with pytest.raises(NotAStore, match="not a regular file"):
        open_store(path, create=True)

    assert path.is_symlink()
    assert path.is_fifo()


def test_links_in_a_circle_are_one_line(path):
    path.symlink_to(path)

    with pytest.raises(StoreError) as caught:
        open_store(path, create=True)
    assert "\n" not in str(caught.value)
    assert path.is_symlink()


def test_a_name_that_no_encoding_carries_is_one_line(tmp_path):
    with pytest.raises(StoreError, match=r"^[^\n]*UTF-8[^\n]*$"):
        open_store(tmp_path / "caf\udce9.duckdb", create=True)


@pytest.mark.parametrize("variable", [None, "TRACEKIT_STORE", "TRACEKIT_HOME"])
def test_a_home_that_nobody_has_is_one_line(monkeypatch, variable):
    if variable:
        monkeypatch.setenv(variable, "~nobody-has-this/x")

    with pytest.raises(StoreError, match=r"^[^\n]*home[^\n]*$"):
        open_store(None if variable else "~nobody-has-this/x")


@pytest.mark.parametrize(("start", "end"), [(12, 4096), (4096, 12288), (12288, 40000)])
def test_a_damaged_file_is_left_as_it_was(filled, start, end):
    content = bytearray(filled.read_bytes())
    content[start:end] = bytes(byte ^ 0x5A for byte in content[start:end])
    filled.write_bytes(content)

    assert "cannot be read as a store" in refusal(filled)


def test_a_cut_off_file_is_left_as_it_was(filled):
    filled.write_bytes(filled.read_bytes()[:20_000])

    refusal(filled)


def test_a_file_of_a_newer_tracekit_says_so(filled):
    with duckdb.connect(str(filled)) as connection:
        connection.execute("UPDATE tracekit_schema SET version = 99, written_by = 'tracekit 9.0'")

    assert "written by tracekit 9.0 (schema 99)" in refusal(filled, NewerStore)


def test_a_file_of_an_older_schema_says_why_not(filled):
    with duckdb.connect(str(filled)) as connection:
        connection.execute("UPDATE tracekit_schema SET version = 0")

    assert "schema 0" in refusal(filled, StoreError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(filled):
    filled.chmod(0)

    with pytest.raises(StoreError, match="Permission denied"):
        open_store(filled)


@pytest.fixture
def holder(filled):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(filled)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate("\n", timeout=20)


MAKE = """
import sys
from store_building import span
from analyzer.store import open_store
print("ready", flush=True)
sys.stdin.readline()
with open_store(sys.argv[1], create=True) as store:
    store.insert([span(int(sys.argv[2]))])
"""


def test_processes_that_make_one_store_at_once_all_store_into_it(path):
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            text=True,
        )
        for number in range(1, 5)
    ]
    assert {maker.stdout.readline() for maker in makers} == {"ready\n"}

    for maker in makers:
        maker.stdin.write("\n")
        maker.stdin.flush()

    assert {maker.communicate(timeout=30)[1] for maker in makers} == {""}
    with open_store(path) as store:
        assert store.query("extent")[0]["spans"] == 4


def test_a_store_that_another_process_is_making_is_waited_for(path, monkeypatch):
    monkeypatch.setattr(opening, "PATIENCE", 0.1)
    path.touch()
    lock = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{lock}; print('held', flush=True); sys.stdin.readline()", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    inode = path.stat().st_ino

    with pytest.raises(StoreBusy):
        open_store(path, create=True)

    assert path.stat().st_ino == inode
    process.communicate("\n", timeout=20)


def test_a_file_that_another_process_holds_says_so(filled, holder, monkeypatch):
    monkeypatch.setattr(opening, "PATIENCE", 0.1)

    with pytest.raises(StoreBusy, match="in use by another process"):
        open_store(filled)


def test_a_file_is_had_as_soon_as_the_other_process_ends(filled, holder):
    opened = threading.Event()

    def read() -> None:
        with open_store(filled) as store:
            assert store.query("extent")[0]["spans"] == 1
        opened.set()

    reader = threading.Thread(target=read)
    reader.start()
    holder.stdin.write("\n")
    holder.stdin.flush()
    reader.join(20)

    assert opened.is_set()


def test_a_leftover_owner_file_does_not_bar_the_store(filled):
    leftover = filled.with_name(filled.name + ".collector")
    leftover.write_text(json.dumps({"url": "http://127.0.0.1:9", "pid": os.getpid()}))

    with open_store(filled) as store:
        assert store.query("extent")[0]["spans"] == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": 1}', '{"url": "x", "pid": 1e99}'])
def test_a_damaged_owner_file_does_not_bar_the_store(filled, content):
    filled.with_name(filled.name + ".collector").write_text(content)

    with open_store(filled) as store:
        assert store.query("extent")[0]["spans"] == 1


def test_the_views_of_another_version_are_brought_up_to_date(filled):
    with duckdb.connect(str(filled)) as connection:
        connection.execute("CREATE OR REPLACE VIEW request_spans AS SELECT 'old' AS request")
        connection.execute("CREATE OR REPLACE VIEW requests AS FROM request_spans")
    with open_store(filled) as store:
        (found,) = recent(store)

    assert found.spans == 1


def test_views_that_are_up_to_date_are_left_alone(filled):
    with duckdb.connect(str(filled)) as connection:
        connection.execute("DROP VIEW spans_ms")
    with open_store(filled):
        pass
    with duckdb.connect(str(filled)) as connection:
        names = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
        assert {name for (name,) in names.fetchall()} == {"request_spans", "requests"}

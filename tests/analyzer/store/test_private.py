"""Who may read a store, and what lies beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_building import span

from analyzer.store import open_store
from analyzer.store.body import SpoolMark

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture(autouse=True)
def usual_umask(tmp_path, monkeypatch) -> Iterator[None]:
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path / "home"))
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def test_a_new_store_is_its_makers_alone_and_so_is_its_folder(tmp_path):
    path = tmp_path / "data" / "some.duckdb"
    open_store(path, create=True).close()

    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700


def test_a_folder_that_exists_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    open_store(tmp_path / "some.duckdb", create=True).close()

    assert mode(tmp_path) == 0o755


def test_an_empty_file_becomes_a_store_of_its_makers_alone(tmp_path):
    path = tmp_path / "some.duckdb"
    path.touch(0o644)
    open_store(path, create=True).close()

    assert mode(path) == 0o600


def test_the_log_beside_a_new_store_is_as_private(tmp_path):
    path = tmp_path / "some.duckdb"
    with open_store(path, create=True) as store:
        store.insert([span(1)])
        assert mode(log_of(path)) == 0o600


@pytest.mark.parametrize(("chosen", "logs"), [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600)])
def test_a_store_that_exists_keeps_its_mode_and_its_log_follows(tmp_path, chosen, logs):
    path = tmp_path / "some.duckdb"
    open_store(path, create=True).close()
    path.chmod(chosen)
    with open_store(path) as store:
        store.insert([span(1)])
        assert (mode(path), mode(log_of(path))) == (chosen, logs)


def test_a_log_that_was_left_behind_is_closed_to_others(tmp_path):
    path = tmp_path / "some.duckdb"
    open_store(path, create=True).close()
    log_of(path).touch(0o644)
    with open_store(path) as store:
        store.insert([span(1)])
        assert mode(log_of(path)) == 0o600


def test_the_log_is_as_private_where_only_a_spool_file_is_forgotten(tmp_path):
    path = tmp_path / "some.duckdb"
    with open_store(path, create=True) as store:
        store.write([], SpoolMark("a.jsonl", 7))
    with open_store(path) as store:
        store.forget_spool_file("a.jsonl")
        assert store.spool_offsets() == {}
        assert mode(log_of(path)) == 0o600


def test_the_umask_is_what_it_was(tmp_path):
    with open_store(tmp_path / "some.duckdb", create=True) as store:
        store.insert([span(1)])
    assert os.umask(0o022) == 0o022

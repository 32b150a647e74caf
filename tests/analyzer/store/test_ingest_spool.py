from __future__ import annotations

import fcntl
import json
import os

import pytest
from store_building import START, TRACE

from analyzer.requests import load, recent
from analyzer.store import open_store


@pytest.fixture
def spool(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    monkeypatch.delenv("TRACEKIT_STORE", raising=False)
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def line(number: int) -> bytes:
    one = {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "name": f"work {number}",
        "startTimeUnixNano": str(START + number),
        "endTimeUnixNano": str(START + number + 5),
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}).encode()


def ingest(**options):
    with open_store(**options) as store:
        return store.ingest_spool()


def names() -> list[str]:
    with open_store() as store:
        return [span.name for span in load(store, TRACE)]


def test_the_default_store_is_made_when_the_spool_holds_something(spool, tmp_path):
    (spool / "shop-1-aa-1.jsonl").write_bytes(line(1) + b"\n" + line(2) + b"\n")

    assert ingest().stored == 2
    assert (tmp_path / "traces.duckdb").exists()
    assert names() == ["work 1", "work 2"]


def test_a_file_read_to_its_end_that_nobody_writes_is_deleted(spool):
    (spool / "shop-1-aa-1.jsonl").write_bytes(line(1) + b"\n")

    ingest()

    assert list(spool.iterdir()) == []
    assert ingest().stored == 0


def test_a_file_that_its_writer_holds_stays_and_is_read_on_from_where_it_was(spool):
    path = spool / "shop-1-aa-1.jsonl"
    with path.open("ab", buffering=0) as writer:
        fcntl.flock(writer, fcntl.LOCK_SH)
        writer.write(line(1) + b"\n")
        assert ingest().stored == 1
        assert path.exists()
        writer.write(line(2) + b"\n")
        assert ingest().stored == 1
        assert path.exists()
    ingest()

    assert not path.exists()
    assert names() == ["work 1", "work 2"]


def test_a_line_without_its_end_waits_for_it(spool):
    path = spool / "shop-1-aa-1.jsonl"
    path.write_bytes(line(1) + b"\n" + line(2)[:40])

    assert ingest().stored == 1
    with path.open("ab") as writer:
        writer.write(line(2)[40:] + b"\n")

    assert ingest().stored == 1
    assert names() == ["work 1", "work 2"]


def test_a_damaged_line_is_counted_and_the_rest_is_stored(spool):
    damaged = [b'{"resourceSpans": [', b"\xff\xfe", b'{"resourceSpans": 5}', b"[1]"]
    lines = [line(1), *damaged, b"", line(2)]
    (spool / "shop-1-aa-1.jsonl").write_bytes(b"\r\n".join(lines) + b"\r\n")

    ingested = ingest()

    assert (ingested.stored, ingested.damaged_lines) == (2, 4)
    assert names() == ["work 1", "work 2"]


def test_the_same_batch_in_two_files_is_stored_once(spool):
    (spool / "shop-1-aa-1.jsonl").write_bytes(line(1) + b"\n")
    (spool / "shop-1-bb-1.jsonl").write_bytes(line(1) + b"\r\n")

    assert ingest().stored == 1


def test_batches_for_a_collector_are_read_but_left_to_the_exporter(spool):
    path = spool / "shop-1-aa-1.pending.jsonl"
    path.write_bytes(line(1) + b"\n")

    assert ingest().stored == 1
    assert ingest().stored == 0
    assert path.exists()


def test_offsets_of_files_that_are_gone_are_forgotten(spool):
    path = spool / "shop-1-aa-1.pending.jsonl"
    path.write_bytes(line(1) + b"\n")
    ingest()
    path.unlink()

    ingest()

    with open_store() as store:
        assert store.spool_offsets() == {}


def test_an_empty_file_is_left_to_the_writer_that_just_made_it(spool):
    (spool / "shop-1-aa-1.jsonl").touch()

    ingest()

    assert os.listdir(spool) == ["shop-1-aa-1.jsonl"]


def test_another_store_does_not_take_the_spool(spool, tmp_path):
    (spool / "shop-1-aa-1.jsonl").write_bytes(line(1) + b"\n")

    assert ingest(location=tmp_path / "other.duckdb", create=True).stored == 0
    assert ingest().stored == 1


def test_the_store_that_tracekit_store_names_takes_the_spool(spool, tmp_path, monkeypatch):
    (spool / "shop-1-aa-1.jsonl").write_bytes(line(1) + b"\n")
    monkeypatch.setenv("TRACEKIT_STORE", str(tmp_path / "other.duckdb"))

    ingest()

    with open_store() as store:
        assert len(recent(store)) == 1

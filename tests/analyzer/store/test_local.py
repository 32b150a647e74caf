from __future__ import annotations

import time

import pytest
from store_building import span

from analyzer.errors import StoreError
from analyzer.store import open_store
from analyzer.store.body import Body, SpoolMark


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "t.duckdb", create=True) as opened:
        yield opened


def spans_in(store) -> int:
    return store.query("extent")[0]["spans"]


def test_a_body_sent_twice_is_stored_once(store):
    assert store.insert([span(1), span(2)], "digest") == 2
    assert store.insert([span(1), span(2)], "digest") == 0

    assert spans_in(store) == 2


def test_a_body_that_comes_twice_in_one_transaction_is_stored_once(store):
    body = Body([span(1)], "digest")

    assert store.write([body, body]) == 1


def test_spans_without_a_digest_are_stored_each_time(store):
    store.insert([span(1)])
    store.insert([span(1)])

    assert spans_in(store) == 2


def test_a_write_that_fails_leaves_nothing_behind(store):
    bad = span(2, start_ns=2**70, end_ns=2**70 + 1)

    with pytest.raises(StoreError):
        store.write([Body([span(1), bad], "digest")], SpoolMark("a.jsonl", 7))

    assert spans_in(store) == 0
    assert store.spool_offsets() == {}
    assert store.insert([span(1)], "digest") == 1


def test_a_span_that_cannot_be_encoded_leaves_nothing_behind(store):
    with pytest.raises(TypeError):
        store.insert([span(1, attributes={"a": object()})], "digest")

    assert store.insert([span(1)], "digest") == 1


def test_five_thousand_spans_go_in_within_a_second(store):
    many = [
        span(number, attributes={f"some.key.{key}": f"value {number}" for key in range(12)})
        for number in range(1, 5_001)
    ]

    started = time.process_time()
    store.insert(many)

    assert time.process_time() - started < 1

"""Many requests are loaded at once, and each is what it is when it is loaded alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_building import span

from analyzer import requests
from analyzer.cli import main
from analyzer.errors import BadInput
from analyzer.parts import part_of, partition
from analyzer.requests import load, load_many, recent
from analyzer.store import open_store
from analyzer.store.local import LocalStore

TRACES = [f"{number:x}" * 32 for number in range(10, 16)]
IDS = ["r-1", "r-2", "r-3", None]


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "t.duckdb", create=True) as opened:
        opened.insert(
            [
                span(1, request_id="several traces", trace_id=TRACES[0]),
                span(2, request_id="several traces", trace_id=TRACES[1]),
                span(3, trace_id=TRACES[1]),
                # A trace that two requests share, whose own root is elsewhere.
                span(4, request_id="shares", trace_id=TRACES[2], parent_id="f" * 16),
                span(5, trace_id=TRACES[2], parent_id=span(4).span_id),
                span(6, request_id="also shares", trace_id=TRACES[2], parent_id="f" * 16),
                span(7, trace_id=TRACES[3]),
                # One ID also in a trace whose root has another.
                span(8, request_id="middle", trace_id=TRACES[4]),
                span(9, request_id="shares", trace_id=TRACES[4], parent_id=span(8).span_id),
            ]
        )
        opened.insert([span(3, trace_id=TRACES[1]), span(1, request_id="x", trace_id=TRACES[5])])
        yield opened


def keys_in(store):
    return [row.request_id for row in recent(store)] + [*TRACES, "unknown", "shares"]


def alone(store, keys):
    return [load(store, key) for key in keys]


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_each_is_what_it_is_alone_in_the_order_asked_for(store, monkeypatch, at_once):
    monkeypatch.setattr(requests, "AT_ONCE", at_once)
    keys = keys_in(store)

    assert {"several traces", "also shares", TRACES[3]} < set(keys)
    assert list(load_many(store, keys)) == alone(store, keys)


drawn = st.lists(
    st.builds(
        span,
        st.integers(1, 6),
        trace_id=st.sampled_from(TRACES[:3]),
        request_id=st.sampled_from(IDS),
        parent_id=st.sampled_from([None, *(span(number).span_id for number in range(1, 8))]),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(drawn)
def test_a_part_is_what_the_request_would_have_been_given_alone(spans):
    keys = [*filter(None, IDS), *TRACES[:3]]

    def loaded(key):
        traces = {key, *(one.trace_id for one in spans if one.request_id == key)}
        return part_of([one for one in spans if one.trace_id in traces], key)

    assert list(partition(spans, keys)) == [loaded(key) for key in keys]


def test_a_collector_that_does_not_know_the_query_is_asked_one_by_one(store):
    class Older:
        def query(self, name, **params):
            if name == "load_many":
                raise BadInput(f'there is no query "{name}"')
            return store.query(name, **params)

    keys = keys_in(store)

    assert list(load_many(Older(), keys)) == alone(store, keys)


def test_nothing_is_asked_for_no_request(store):
    assert list(load_many(store, [])) == []


def test_a_list_is_loaded_by_one_query(store, monkeypatch, capsys):
    asked = []
    real = LocalStore.query
    monkeypatch.setattr(
        LocalStore, "query", lambda self, name, **p: asked.append(name) or real(self, name, **p)
    )
    store.close()

    assert main(["list", "--store", str(store.path), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert asked.count("load_many") == 1
    assert "load_spans" not in asked

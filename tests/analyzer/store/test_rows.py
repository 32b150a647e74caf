from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from store_building import TRACE, attributes, same, span

from analyzer.requests import load
from analyzer.span import Event, Kind, Link, Status
from analyzer.store import open_store
from analyzer.store.rows import to_row


@pytest.fixture(scope="module")
def shared_store():
    with (
        TemporaryDirectory() as folder,
        open_store(Path(folder) / "t.duckdb", create=True) as store,
    ):
        yield store


def through(store, kept):
    """Store one span and read it back."""
    number = store.query("extent")[0]["spans"] + 1
    trace = f"{number:032x}"
    store.insert([span(number, **kept, trace_id=trace)])
    (found,) = load(store, trace)
    return found


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(attributes, attributes, attributes)
def test_attributes_come_back_as_they_went_in(shared_store, own, resource, inner):
    event, link = Event("e", 5, inner), Link(TRACE, "1" * 16, inner)

    found = through(
        shared_store,
        {"attributes": own, "resource": resource, "events": (event,), "links": (link,)},
    )

    assert same(found.attributes, own)
    assert same(found.resource, resource)
    assert same(found.events[0].attributes, inner)
    assert same(found.links[0].attributes, inner)


def test_every_field_of_a_span_comes_back(shared_store):
    full = {
        "parent_id": "2" * 16,
        "name": "GET /x",
        "kind": Kind.CLIENT,
        "request_id": "r-1",
        "status": Status.ERROR,
        "status_message": "refused",
        "scope": "some.library",
        "events": (Event("mark", 7, {"a": 1}),),
        "links": (Link(TRACE, "3" * 16),),
    }

    found = through(shared_store, full)

    assert {key: getattr(found, key) for key in full} == full


def test_numbers_that_json_has_not_come_back(shared_store):
    kept = {"nan": math.nan, "inside": [math.inf, -math.inf], "zero": -0.0}

    found = through(shared_store, {"attributes": kept})

    assert repr(found.attributes) == repr(kept)


def test_keys_that_differ_in_case_only_are_two_keys(shared_store):
    kept = {"a": {"x": 1, "X": 2}, "A": 3}

    assert through(shared_store, {"attributes": kept}).attributes == kept


def test_a_lone_surrogate_becomes_a_question_mark(shared_store):
    kept = {"k": ["\ud800", dict.fromkeys(["\ud801", "\ud802"], 2)]}
    kept.update(dict.fromkeys(["\udfff", "\udffe"], 4))

    found = through(shared_store, {"name": "a\ud800b", "attributes": kept})

    assert found.name == "a?b"
    assert found.attributes == {"k": ["?", {"?": 2}], "?": 4}


def test_nul_is_a_character_like_others(shared_store):
    kept = {"name": "a\0b", "attributes": {"k\0": "\0"}}

    found = through(shared_store, kept)

    assert (found.name, found.attributes) == (kept["name"], kept["attributes"])


def test_a_megabyte_in_one_value_and_thousands_of_attributes_are_kept(shared_store):
    kept = {"long": "x" * 1_000_000, **{f"k{number}": number for number in range(5_000)}}

    assert through(shared_store, {"attributes": kept}).attributes == kept


def test_what_is_asked_often_has_a_column():
    row = to_row(
        span(
            kind=Kind.CLIENT,
            attributes={
                "http.request.method": "POST",
                "http.response.status_code": 200,
                "server.address": "tts.local",
                "server.port": 8000,
                "tracekit.connection.state": "new",
                "tracekit.phase.pool": [0, 10],
                "tracekit.phase.connect": [10, 2_000],
            },
            resource={"service.version": "1.2", "tracekit.label": "before", "host.name": "a"},
        )
    )

    assert row["http_method"] == "POST"
    assert row["http_status"] == 200
    assert row["peer"] == "tts.local:8000"
    assert row["connection_state"] == "new"
    assert (row["pool_wait_ns"], row["connect_ns"], row["dns_ns"]) == (10, 1_990, None)
    assert (row["service_version"], row["label"], row["host"]) == ("1.2", "before", "a")


def test_a_tunnel_through_a_proxy_counts_as_connecting():
    both = {"tracekit.phase.connect": [0, 10], "tracekit.phase.proxy": [10, 30]}

    assert to_row(span(attributes=both))["connect_ns"] == 30
    assert to_row(span(attributes={"tracekit.phase.proxy": [10, 30]}))["connect_ns"] == 20


@pytest.mark.parametrize("status", [None, "abc", 2**40, [200], True, math.nan])
def test_a_status_that_is_none_leaves_its_column_empty(status):
    assert to_row(span(attributes={"http.response.status_code": status}))["http_status"] is None


@pytest.mark.parametrize("pair", ["1", [1], [5, 1], [1.5, 2.5], ["a", "b"], None])
def test_a_phase_that_makes_no_sense_leaves_its_column_empty(pair):
    assert to_row(span(attributes={"tracekit.phase.dns": pair}))["dns_ns"] is None


def test_the_host_is_told_by_its_id_before_its_address_and_name():
    resource = {"host.name": "n", "host.ip": ["10.0.0.1"], "host.id": "i"}

    assert to_row(span(resource=resource))["host"] == "i"
    del resource["host.id"]
    assert to_row(span(resource=resource))["host"] == "10.0.0.1"

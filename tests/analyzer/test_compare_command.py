"""What ``tracekit compare`` chooses: one route of many, and what it says where nothing is found."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from story_spans import MS, request_spans

from analyzer import cli
from analyzer.store import open_store

MINUTE = 60_000 * MS


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    monkeypatch.delenv("TRACEKIT_STORE", raising=False)
    with open_store(tmp_path / "traces.duckdb", create=True) as opened:
        yield opened


def fill(store, label, *, slow, orders, health=0, first=0):
    """Store requests to two routes of ``web``, a minute apart."""
    begin = time.time_ns() // MS * MS - 60 * MINUTE
    for number in range(orders + health):
        route = "/orders" if number < orders else "/health"
        spans = request_spans(
            first + number, begin + (first + number) * MINUTE, label=label, slow=slow
        )
        root = spans[0]
        attributes = {**root.attributes, "http.route": route}
        store.insert([replace(root, name=f"GET {route}", attributes=attributes), *spans[1:]])


@pytest.fixture
def mixed(store):
    """Six orders slow before and quick after; health checks before only."""
    fill(store, "before", slow=True, orders=6, health=6)
    fill(store, "after", slow=False, orders=6, first=20)
    store.close()


def compare(*arguments: str) -> int:
    return cli.main(["compare", *arguments])


@pytest.mark.parametrize("route", ["GET /orders", "web GET /orders"])
def test_one_route_of_many_is_compared(mixed, capsys, route):
    assert compare("before", "after", "--route", route, "--json") == 0
    document = json.loads(capsys.readouterr().out)

    assert document["same_routes"] is True
    assert document["before"]["routes"] == {"web GET /orders": 6}
    assert document["before"]["name"] == f"label=before, route={route}"
    assert document["rows"][0]["verdict"]["outcome"] == "faster"


def test_without_it_the_text_names_the_option(mixed, capsys):
    assert compare("before", "after") == 0
    assert "--route ROUTE" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("route", ["GET /order", "get /orders", "/orders", "api GET /orders", ""])
def test_a_route_that_does_not_fit_exactly_names_those_that_are_known(mixed, capsys, route):
    assert compare("before", "after", "--route", route) == 1
    err = capsys.readouterr().err

    assert err.count("\n") == 1
    assert f'has the route "{route}"' in err
    assert "Known routes: web GET /health, web GET /orders." in err


def test_a_route_that_one_side_lacks_names_the_side(mixed, capsys):
    assert compare("before", "after", "--route", "GET /health") == 1
    err = capsys.readouterr().err

    assert "no request of label=after in " in err
    assert "Known routes: web GET /orders." in err


def test_where_nothing_has_a_label_it_says_how_to_set_one(store, capsys):
    fill(store, None, slow=True, orders=1)
    store.close()
    assert compare("before", "after") == 1
    err = capsys.readouterr().err

    assert err.count("\n") == 1
    assert "Known labels: none (`tracekit run --label NAME` or the service's TRACEKIT_LABEL" in err

"""Putting the hooks in and taking them out, in any order, beside others who hook the same."""

from __future__ import annotations

import functools
import itertools

import httpx
import pytest
import requests
from conformance.outgoing import calls
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from surroundings import changed, everything
from urllib3.connectionpool import HTTPConnectionPool

from tracekit import clients, guard


def test_uninstalling_puts_back_exactly_what_was_there(provider):
    before = everything()
    clients.install(provider)
    assert len(changed(before, everything())) > 20
    clients.uninstall()

    assert changed(before, everything()) == []


def test_installing_a_hundred_times_leaves_nothing_behind(provider):
    before = everything()
    for _ in range(100):
        clients.install(provider)
        clients.uninstall()

    assert changed(before, everything()) == []


def test_installing_twice_is_installing_once(server, install, provider):
    spans = install()
    once = everything()
    clients.install(provider)

    assert changed(once, everything()) == []
    requests.get(server.url())
    assert len(calls(spans)) == 1


ORDERS = [
    order
    for order in itertools.permutations(["+otel", "-otel", "+ours", "-ours"])
    if order.index("+otel") < order.index("-otel") and order.index("+ours") < order.index("-ours")
]


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_any_order_beside_opentelemetry_ends_where_it_began(provider, order):
    steps = {
        "+otel": lambda: HTTPXClientInstrumentor().instrument(tracer_provider=provider),
        "-otel": lambda: HTTPXClientInstrumentor().uninstrument(),
        "+ours": lambda: clients.install(provider),
        "-ours": clients.uninstall,
    }
    before = everything()
    for step in order:
        steps[step]()

    assert changed(before, everything()) == []


def test_a_wrapper_put_over_ours_keeps_working_when_ours_is_gone(server, install, monkeypatch):
    spans = install()
    ours = HTTPConnectionPool.urlopen
    heard = []

    @functools.wraps(ours)
    def urlopen(*args, **kwargs):
        heard.append("theirs")
        return ours(*args, **kwargs)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", urlopen)
    clients.uninstall()
    assert requests.get(server.url()).content == b"hello"

    assert heard == ["theirs"]
    assert spans.spans == []


def test_a_library_that_cannot_be_hooked_is_counted_and_the_others_are_traced(
    provider, server, monkeypatch
):
    from tracekit.clients import httpx_adapter

    monkeypatch.setattr(httpx_adapter, "timed_streams", lambda library: 1 / 0)
    before = everything()
    faults = guard.faults().get("httpx.install", 0)
    clients.install(provider)
    try:
        assert guard.faults()["httpx.install"] == faults + 1
        assert HTTPConnectionPool.urlopen.__module__ == "urllib3.connectionpool"
        assert requests.get(server.url()).content == b"hello"
        assert httpx.get(server.url()).content == b"hello"
    finally:
        clients.uninstall()
    assert changed(before, everything()) == []


def test_a_client_made_before_the_hooks_is_traced_without_claims_about_its_age(
    server, provider, install
):
    session, client = requests.Session(), httpx.Client()
    session.get(server.url())
    spans = install()
    session.get(server.url())
    client.get(server.url())

    first, second = calls(spans)
    assert first["tracekit.client.age"] is None
    assert first["tracekit.connection.state"] == "reused"
    assert first["tracekit.connection.age"] is None
    assert second["tracekit.client.age"] is None
    assert second["tracekit.connection.state"] == "new"


def test_responses_left_open_when_the_hooks_go_can_still_be_read(server, install):
    spans = install()
    streamed = requests.get(server.url("/slow-body"), stream=True)
    with httpx.stream("GET", server.url("/slow-body")) as response:
        clients.uninstall()
        assert response.read() == b"helloworld"
    assert streamed.content == b"helloworld"
    assert len(calls(spans)) == 1

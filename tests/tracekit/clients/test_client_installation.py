"""Putting the hooks in and taking them out, in any order, beside others who hook the same."""

from __future__ import annotations

import functools
import gc
import itertools
import random
from types import SimpleNamespace

import httpx
import httpx2
import pytest
import requests
from conformance.outgoing import calls
from opentelemetry.instrumentation.httpx import (
    HTTPX2ClientInstrumentor,
    HTTPXClientInstrumentor,
)
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from surroundings import changed, everything
from urllib3.connectionpool import HTTPConnectionPool

from tracekit import attributes as names
from tracekit import clients, guard
from tracekit.testing import Capture


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


THEIRS = {
    "httpx": HTTPXClientInstrumentor,
    "httpx2": HTTPX2ClientInstrumentor,
    "requests": RequestsInstrumentor,
}
LIBRARIES = tuple(THEIRS)


class Steps:
    """Puts our hooks and OpenTelemetry's own in and out, and knows what is in."""

    def __init__(self, provider):
        self.provider = provider
        self.ours = False
        self.theirs = dict.fromkeys(LIBRARIES, False)

    def take(self, step):
        sign, name = step[0], step[1:]
        if name == "ours":
            clients.install(self.provider) if sign == "+" else clients.uninstall()
            self.ours = sign == "+"
        elif sign == "+":
            THEIRS[name]().instrument(tracer_provider=self.provider)
        else:
            THEIRS[name]().uninstrument()
        for library, instrumentor in THEIRS.items():
            self.theirs[library] = instrumentor().is_instrumented_by_opentelemetry


def shuffled(dice):
    """Return all steps in some order, each thing put in before it is taken out."""
    steps = [name for name in ("ours", *THEIRS) for _ in range(2)]
    dice.shuffle(steps)
    seen = set()
    for name in steps:
        yield f"{'-' if name in seen else '+'}{name}"
        seen.add(name)


@pytest.fixture
def hosts(server):
    """One long-lived client of each library, made before any hook, as ``get`` functions."""
    with requests.Session() as session, httpx.Client() as one, httpx2.Client() as two:
        yield {"requests": session.get, "httpx": one.get, "httpx2": two.get}


def compare_spans(told, library, steps):
    """One span at most; with our hooks it tells of the connection, whoever opened it."""
    if not steps.ours:
        assert len(told) == steps.theirs[library]
        assert all(one[names.CONNECTION_STATE] is None for one in told)
        return
    (call,) = told
    assert (call.span.instrumentation_scope.name == "tracekit.clients") != steps.theirs[library]
    assert call[names.CONNECTION_STATE] in ("new", "reused")
    assert call.phase("wait") > 0


def test_a_hundred_times_in_any_order_every_step_works_and_the_last_leaves_nothing(
    server, provider, captured_at_provider, hosts
):
    server.delay = 0.0
    before, callbacks, faults = everything(), list(gc.callbacks), guard.faults()
    dice, steps = random.Random(3), Steps(provider)
    for _ in range(100):
        for step in shuffled(dice):
            steps.take(step)
            check(hosts, server, captured_at_provider, steps)
        assert changed(before, everything()) == []
        assert gc.callbacks == callbacks
    assert guard.faults() == faults


def check(hosts, server, captured, steps):
    for library, get in hosts.items():
        seen = len(captured.spans)
        assert get(server.url()).content == b"hello"
        since = SimpleNamespace(spans=captured.spans[seen:])
        compare_spans(calls(since), library, steps)


def wandering(dice, length):
    """Return steps in which things are put in and taken out again and again, and all at last."""
    inside = []
    for _ in range(length):
        name = dice.choice(("ours", *THEIRS))
        yield f"{'-' if name in inside else '+'}{name}"
        inside.remove(name) if name in inside else inside.append(name)
    dice.shuffle(inside)
    yield from (f"-{name}" for name in inside)


@pytest.mark.parametrize("seed", range(10))
def test_put_in_and_taken_out_again_and_again_everything_ends_as_it_was(
    server, provider, captured_at_provider, hosts, seed
):
    server.delay = 0.0
    before, steps = everything(), Steps(provider)
    for step in wandering(random.Random(seed), 30):
        steps.take(step)
        check(hosts, server, captured_at_provider, steps)

    assert changed(before, everything()) == []


@pytest.fixture
def captured_at_provider(provider):
    captured = Capture()
    provider.add_span_processor(captured)
    return captured

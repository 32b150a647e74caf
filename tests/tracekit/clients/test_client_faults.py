"""Whatever breaks inside tracekit, the host gets its response and hears nothing."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import defaultdict

import pytest
from conformance.caller import Options
from conformance.callers import CALLERS
from faults.proxy import Proxy
from faults.server import FaultServer
from opentelemetry.sdk.trace import SpanProcessor

from tracekit import clients, guard
from tracekit.clients import connect_scope, sending
from tracekit.clients.body import Body
from tracekit.clients.call import Call
from tracekit.clients.observing import observer
from tracekit.clients.registry import Client, Clients, Connections
from tracekit.phases import ConnectionPhases


class OurFault(Exception):
    """Ours alone: if a host sees one, it came from us."""


def breaking(*_args, **_kwargs):
    raise OurFault


def methods_of(*classes):
    return [
        (owner, name)
        for owner in classes
        for name, member in vars(owner).items()
        if inspect.isfunction(member) and not name.startswith("__")
    ]


INNER = [
    *methods_of(Client, Clients, Connections, ConnectionPhases),
    (Call, "start"),
    (Call, "join"),
    (Call, "fail"),
    (Call, "publish"),
    (ConnectionPhases, "__init__"),
    (Body, "__init__"),
]
URLS = ("/", "/slow-body", "/redirect", "/closing", "/failing")
EXPECTED = [
    (200, b"hello"),
    (200, b"helloworld"),
    (200, b"hello"),
    (200, b"hello"),
    (500, b"broken"),
]


def exercise(server):
    """Return what a host sees, with each client, of a few calls, failures and a left stream."""
    seen = []
    for kind in CALLERS:
        with kind() as caller, FaultServer(tls=True) as secure:
            seen.append([caller.get(server.url(path)) for path in URLS])
            with pytest.raises(caller.errors):
                caller.get("http://127.0.0.1:1/")
            for path in ("/broken-off", "/reset"):
                with pytest.raises(caller.errors):
                    caller.get(server.url(path))
            caller.abandon(server.url("/chunked"))
            assert caller.get(secure.url()) == (200, b"hello")
            assert through_proxy(kind, secure.url()) == (200, b"hello")
    # Whatever failed, the next call does not take place inside one of these.
    assert connect_scope.current.get() is None
    assert sending.current.get() is None
    return seen


def through_proxy(kind, url):
    with Proxy() as proxy, kind(Options(proxy=proxy.url)) as caller:
        return caller.get(url)


class Reader(SpanProcessor):
    """Reads a span as an exporter does: a call's attributes are made then."""

    def on_end(self, span):
        assert span.attributes is not None


@pytest.fixture(autouse=True)
def read(provider):
    provider.add_span_processor(Reader())


@pytest.fixture
def quick(server):
    server.delay = 0.002  # enough for a body's pieces to arrive apart
    return server


@pytest.mark.parametrize("target", INNER, ids=lambda target: f"{target[0].__name__}.{target[1]}")
def test_a_fault_in_any_part_of_ours_changes_nothing(quick, provider, monkeypatch, target):
    owner, name = target
    monkeypatch.setattr(owner, name, breaking)
    clients.install(provider)
    try:
        assert exercise(quick) == [EXPECTED] * len(CALLERS)
    finally:
        clients.uninstall()


def observed():
    """Every function of ours that a hook calls, with the places it is called from."""
    places = defaultdict(list)
    for found in pkgutil.iter_modules(clients.__path__):
        if found.name == "botocore_adapter":  # tests/integration/test_boto3_calls.py breaks those
            continue
        module = importlib.import_module(f"tracekit.clients.{found.name}")
        owners = [module, *(one for one in vars(module).values() if inspect.isclass(one))]
        for owner in owners:
            for name, member in vars(owner).items():
                if getattr(getattr(member, "__code__", None), "co_name", "") == "observed":
                    places[member].append((owner, name))
    return places


OBSERVED = observed()


@pytest.mark.parametrize("callback", OBSERVED, ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_a_callback_that_fails_every_time_changes_nothing(quick, provider, monkeypatch, callback):
    before = guard.faults().get("test", 0)
    for owner, name in OBSERVED[callback]:
        monkeypatch.setattr(owner, name, observer("test")(breaking))
    clients.install(provider)
    try:
        assert exercise(quick) == [EXPECTED] * len(CALLERS)
    finally:
        clients.uninstall()
    assert guard.faults()["test"] > before


def test_there_are_callbacks_to_break():
    assert len(OBSERVED) > 15


def test_a_fault_is_counted_each_time_and_logged_once(quick, provider, monkeypatch, caplog):
    monkeypatch.setattr(Call, "start", breaking)
    before = guard.faults().get("urllib3.begin", 0)
    clients.install(provider)
    try:
        exercise(quick)
    finally:
        clients.uninstall()

    assert guard.faults()["urllib3.begin"] - before == 2 * (len(URLS) + 7)
    said = [one for one in caplog.records if "urllib3.begin" in one.getMessage()]
    assert len(said) == (1 if before == 0 else 0)

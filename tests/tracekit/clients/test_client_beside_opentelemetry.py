"""Beside OpenTelemetry's own instrumentations of urllib3 and requests, the real ones."""

from __future__ import annotations

import itertools

import pytest
import requests
from conformance.outgoing import calls, only_call
from surroundings import changed, everything

from tracekit import attributes as names
from tracekit import clients

INSTRUMENTORS = {"urllib3": "URLLib3Instrumentor", "requests": "RequestsInstrumentor"}


@pytest.fixture(params=INSTRUMENTORS)
def foreign(request):
    package = pytest.importorskip(f"opentelemetry.instrumentation.{request.param}")
    instrumentor = getattr(package, INSTRUMENTORS[request.param])()
    yield instrumentor
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs first"])
def test_their_span_is_completed_not_doubled(server, install, foreign, provider, ours_first):
    if ours_first:
        spans = install()
        foreign.instrument(tracer_provider=provider)
    else:
        foreign.instrument(tracer_provider=provider)
        spans = install()
    requests.get(server.url("/slow-headers"))

    call = only_call(spans)
    assert call.span.instrumentation_scope.name.startswith("opentelemetry.instrumentation.")
    assert call[names.CONNECTION_STATE] == "new"
    assert call.phase("wait") > 0.07
    assert call.phase("receive") > 0


ORDERS = [
    order
    for order in itertools.permutations(["+theirs", "-theirs", "+ours", "-ours"])
    if order.index("+theirs") < order.index("-theirs")
    and order.index("+ours") < order.index("-ours")
]


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_in_any_order_everything_ends_as_it_was(server, install, foreign, provider, order):
    steps = {
        "+theirs": lambda: foreign.instrument(tracer_provider=provider),
        "-theirs": foreign.uninstrument,
        "+ours": install,
        "-ours": clients.uninstall,
    }
    before = everything()
    for step in order:
        steps[step]()
        assert requests.get(server.url()).content == b"hello"

    assert changed(before, everything()) == []


def test_when_they_go_the_span_is_ours(server, install, foreign, provider):
    spans = install()
    foreign.instrument(tracer_provider=provider)
    requests.get(server.url())
    foreign.uninstrument()
    requests.get(server.url())

    theirs, ours = calls(spans)
    assert theirs.span.instrumentation_scope.name != "tracekit.clients"
    assert ours.span.instrumentation_scope.name == "tracekit.clients"


def test_when_ours_goes_theirs_goes_on(server, install, foreign, provider):
    spans = install()
    foreign.instrument(tracer_provider=provider)
    clients.uninstall()
    requests.get(server.url())

    assert only_call(spans)[names.CONNECTION_STATE] is None

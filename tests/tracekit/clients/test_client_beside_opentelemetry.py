"""Beside OpenTelemetry's own instrumentations of urllib3 and requests, the real ones."""

from __future__ import annotations

import itertools

import pytest
import requests
from conformance.outgoing import calls, only_call
from faults.server import FaultServer
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


@pytest.fixture
def their_requests(provider):
    package = pytest.importorskip("opentelemetry.instrumentation.requests")
    instrumentor = package.RequestsInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield
    instrumentor.uninstrument()


def test_a_redirect_followed_inside_their_span_leaves_it_the_first_requests_phases(
    server, spans, their_requests
):
    with FaultServer() as other:
        server.elsewhere = other.url("/slow-headers")
        requests.get(server.url("/elsewhere"))

    call = only_call(spans)
    assert call[names.URL_FULL] == server.url("/elsewhere")
    assert call[names.PEER_PORT] == server.port
    assert call.phase("connect") > 0
    assert call.phase("wait") < other.delay
    assert (call[names.HTTP_STATUS], call[names.HTTP_RESEND_COUNT]) == (200, 1)
    assert call[names.REDIRECT] == 1


def test_the_body_of_the_last_request_is_a_late_child_of_their_span(server, spans, their_requests):
    server.elsewhere = "/slow-body"
    with requests.get(server.url("/elsewhere"), stream=True) as response:
        assert response.content == b"helloworld"

    call = only_call(spans)
    assert call.body is not None
    assert call.phase("receive") >= server.delay / 2
    assert call.of_body(names.BODY_BYTES) == 10

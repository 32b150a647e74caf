"""A call made while another is being sent is a call of its own, and leaves the other one whole."""

from __future__ import annotations

import logging
import logging.handlers
import urllib.request

import lateness
import pytest
import requests
import urllib3
from conformance.outgoing import calls
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import SpanProcessor
from processes import free_port
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth

from tracekit import attributes as names
from tracekit.clients import connect_scope, sending


@pytest.fixture(autouse=True)
def nothing_is_left_set():
    yield
    assert connect_scope.current.get() is None
    assert sending.current.get() is None


@pytest.fixture
def session(spans):
    with requests.Session() as made:
        made.trust_env = False
        yield made


@pytest.fixture
def pools(spans):
    with urllib3.PoolManager() as made:
        yield made


class BodyOf:
    """The five bytes of a body that *fetch* gets when they are to be sent."""

    def __init__(self, fetch):
        self._fetch = fetch

    def __len__(self):
        return 5

    def __iter__(self):
        yield self._fetch()


def through_requests(url, inner):
    with requests.Session() as session:
        return session.put(url, data=BodyOf(lambda: session.get(inner).content))


def through_urllib3(url, inner):
    with urllib3.PoolManager() as pools:
        length = {"Content-Length": "5"}
        body = iter(BodyOf(lambda: pools.request("GET", inner).data))
        pools.request("PUT", url, body=body, headers=length)


def through_urllib(url, inner):
    def fetch():
        with urllib.request.urlopen(inner) as response:
            return response.read()

    length = {"Content-Length": "5"}
    made = urllib.request.Request(url, data=BodyOf(fetch), headers=length, method="PUT")
    with urllib.request.urlopen(made) as response:
        response.read()


@pytest.mark.parametrize("send", [through_requests, through_urllib3, through_urllib])
def test_a_body_fetched_by_the_same_client_while_it_is_sent_is_a_call_of_its_own(
    server, spans, send
):
    with lateness.watched() as late:
        send(server.url("/slow-headers"), inner=server.url("/slow-headers/inner"))

    outer, inner = calls(spans)
    assert (outer.span.name, inner.span.name) == ("PUT", "GET")
    for call in (outer, inner):
        assert call[names.HTTP_RESEND_COUNT] is None
        assert call[names.ERROR_TYPE] is None
        assert call.phase("wait") >= server.delay - late.seconds
    # What fetching took is sending the body; the outer call went on, and was answered later.
    assert outer.phase("send") > inner.phase("wait")
    assert outer.span.end_time > inner.span.end_time


def resends(spans):
    return [(one.path, one[names.HTTP_RESEND_COUNT]) for one in calls(spans)]


def test_a_hook_that_calls_with_the_same_session_sends_nothing_again(server, spans, session):
    def audit(response, **_options):
        if not response.url.endswith("/audit"):
            session.post(server.url("/audit"))

    session.get(server.url("/failing"), hooks={"response": audit})

    assert resends(spans) == [("/failing", None), ("/audit", None)]


def test_a_hook_that_fetches_a_token_after_a_401_sends_nothing_again(server, spans, session):
    def refresh(response, **_options):
        if response.status_code == 401:
            session.post(server.url("/token"))

    session.get(server.url("/unauthorized"), hooks={"response": refresh})

    assert resends(spans) == [("/unauthorized", None), ("/token", None)]


def test_a_hook_that_calls_with_a_bare_pool_sends_nothing_again(server, spans, session, pools):
    def audit(_response, **_options):
        pools.request("POST", server.url("/audit"))

    session.get(server.url("/asked"), hooks={"response": audit})

    assert resends(spans) == [("/asked", None), ("/audit", None)]


class FetchesAToken(HTTPAdapter):
    def __init__(self, session, url):
        super().__init__()
        self._session, self._url = session, url

    def send(self, request, **options):
        if request.url != self._url:
            self._session.get(self._url)
        return super().send(request, **options)


def test_an_adapter_that_fetches_a_token_first_is_not_sent_again(server, spans, session):
    session.mount("http://", FetchesAToken(session, server.url("/token")))
    session.get(server.url("/asked"))

    assert resends(spans) == [("/token", None), ("/asked", None)]


def test_a_request_repeated_with_a_digest_counts(server, spans, session):
    session.get(server.url("/unauthorized"), auth=HTTPDigestAuth("someone", "secret"))

    assert resends(spans) == [("/unauthorized", None), ("/unauthorized", 1)]


def test_a_redirect_counts_though_its_body_came_from_another_call(server, spans, session):
    session.put(
        server.url("/redirect"), data=BodyOf(lambda: session.get(server.url("/inner")).content)
    )

    outer, inner, followed = calls(spans)
    assert (outer.path, inner.path, followed.path) == ("/redirect", "/inner", "/")
    assert inner[names.HTTP_RESEND_COUNT] is None
    assert (followed[names.HTTP_RESEND_COUNT], followed[names.REDIRECT]) == (1, 1)


@pytest.fixture
def sends_the_log(server):
    """The host's own: whatever urllib3 logs is sent somewhere through ``http.client``."""
    handler = logging.handlers.HTTPHandler(f"127.0.0.1:{server.port}", "/log")
    logger = logging.getLogger("urllib3")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_log_that_is_sent_while_a_call_goes_on_leaves_it_its_wait(
    server, spans, session, sends_the_log
):
    session.get(server.url("/slow-headers"))

    assert sum(one.path.startswith("/log") for one in server.requests) >= 2
    (call,) = (one for one in calls(spans) if one.path == "/slow-headers")
    assert call[names.HTTP_STATUS] == 200
    assert call[names.PEER_PORT] == server.port
    assert call.phase("wait") >= server.delay


class SendsSpans(SpanProcessor):
    """A host's exporter that sends each span as it ends, untraced, through urllib3."""

    def __init__(self, url):
        self._url = url
        self._pools = urllib3.PoolManager()

    def on_end(self, span):
        with suppress_instrumentation():
            self._pools.request("POST", self._url, body=span.name.encode())


@pytest.fixture
def exported(provider, server):
    """The requests by which the spans that ended were exported."""
    provider.add_span_processor(SendsSpans(server.url("/export")))
    return lambda: [one for one in server.requests if one.path == "/export"]


def test_an_export_inside_a_failed_call_carries_no_trace(server, spans, exported):
    retries = urllib3.Retry(2, backoff_factor=0)
    with (
        urllib3.PoolManager(retries=retries) as pools,
        pytest.raises(urllib3.exceptions.MaxRetryError),
    ):
        pools.request("GET", f"https://127.0.0.1:{free_port()}/")

    assert len(exported()) == 3
    assert not any("traceparent" in one.headers for one in exported())
    assert [one[names.HTTP_RESEND_COUNT] for one in calls(spans)] == [None, 1, 2]

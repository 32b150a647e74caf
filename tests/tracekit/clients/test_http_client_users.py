from __future__ import annotations

import gc
import http.client
import sys
import urllib.error
import urllib.request
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor

import pytest
from conformance.outgoing import calls, only_call
from faults.proxy import Proxy
from faults.server import FaultServer
from opentelemetry import trace
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
)
from opentelemetry.trace import SpanKind
from raw_answers import answering, get

from tracekit import attributes as names
from tracekit import clients
from tracekit.clients import connect_scope, sending


@pytest.fixture(autouse=True)
def nothing_is_left_set():
    yield
    assert connect_scope.current.get() is None
    assert sending.current.get() is None


def test_urlopen_names_the_line_that_called_it(server, spans):
    line = sys._getframe().f_lineno + 1
    with urllib.request.urlopen(server.url()) as response:
        assert response.read() == b"hello"

    call = only_call(spans)
    assert (call[names.CODE_FILE], call[names.CODE_LINE]) == (__file__, line)
    assert (call[names.CLIENT_FILE], call[names.CLIENT_LINE]) == (__file__, line)


def test_redirects_of_urlopen_are_hops_of_one_call(server, spans, provider):
    with provider.get_tracer("test").start_as_current_span("work") as work:
        urllib.request.urlopen(server.url("/redirect")).read()

    first, second = calls(spans)
    assert (first[names.REDIRECT], second[names.REDIRECT]) == (None, 1)
    assert second[names.HTTP_RESEND_COUNT] == 1
    assert first.span.parent == second.span.parent == work.get_span_context()
    for request in server.requests:
        assert [name.lower() for name in request.raw].count("traceparent") == 1


def test_two_calls_of_urlopen_are_no_hops_of_one_another(server, spans):
    for _ in range(2):
        urllib.request.urlopen(server.url()).read()

    assert [call[names.HTTP_RESEND_COUNT] for call in calls(spans)] == [None, None]


def test_the_last_byte_of_urlopen_is_timed_though_the_response_owns_the_socket(server, spans):
    response = urllib.request.urlopen(server.url("/slow-body"))
    assert spans.spans == []
    assert response.read(5) == b"hello"
    assert response.read() == b"world"

    call = only_call(spans)
    assert call.phase("receive") > 0.9 * server.delay
    assert call[names.BODY_CHUNKS] == 2


@pytest.mark.parametrize("leave", [lambda response: response.close(), lambda response: None])
def test_a_response_of_urlopen_that_was_left_is_incomplete(server, spans, leave):
    response = urllib.request.urlopen(server.url("/endless"))
    leave(response)
    del response
    gc.collect()
    clients.reap()

    assert only_call(spans)[names.BODY_COMPLETE] is False


def test_an_error_of_urlopen_is_named_by_its_cause(spans):
    with FaultServer() as gone:
        url = gone.url()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "ConnectionRefusedError"
    assert call[names.ERROR_PHASE] == "connect"


def test_a_forwarding_proxy_is_named_and_the_target_is_what_was_called(server, spans):
    with Proxy() as proxy:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
        assert opener.open(server.url()).read() == b"hello"
        port = proxy.port

    call = only_call(spans)
    assert call[names.URL_FULL] == server.url("/")
    assert call[names.PROXY] == f"127.0.0.1:{port}"
    assert call[names.PEER_PORT] == port


def test_a_span_of_opentelemetrys_urllib_instrumentation_is_completed(server, spans, provider):
    tracer = provider.get_tracer("opentelemetry.instrumentation.urllib")
    with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT) as theirs:
        with suppress_http_instrumentation():
            response = urllib.request.urlopen(server.url("/slow-headers"))
        assert trace.get_current_span() is theirs
    assert response.read() == b"hello"

    call = only_call(spans)
    assert call.span.context == theirs.get_span_context()
    assert call.phase("wait") > 0.9 * server.delay
    assert call.of_body(names.BODY_BYTES) == 5
    assert "traceparent" not in server.requests[0].headers


def test_xmlrpc_is_traced(spans):
    answer = xmlrpc.client.dumps((42,), methodresponse=True).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(answer)}\r\n\r\n"
    with answering(head.encode() + answer) as port:
        line = sys._getframe().f_lineno + 1
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}/rpc") as proxy:
            assert proxy.answer() == 42

    call = only_call(spans)
    assert call.span.name == "POST"
    assert call[names.BODY_COMPLETE] is True
    assert call[names.CODE_FILE] == __file__
    assert call[names.CODE_LINE] == line + 1


def test_debug_output_is_as_without_us(server, spans, capsys):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.set_debuglevel(1)
    get(connection).read()
    said = capsys.readouterr().out
    connection.close()

    assert said.startswith("send: b'GET / HTTP/1.1")
    assert said.count("reply:") == 1


def test_a_connection_made_before_the_hooks_is_traced_without_claims(server, install):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    get(connection).read()
    spans = install()
    get(connection).read()
    connection.close()

    call = only_call(spans)
    assert call[names.CONNECTION_STATE] == "reused"
    assert call[names.CONNECTION_AGE] is None
    assert call[names.CLIENT_AGE] is None


def test_a_response_open_when_the_hooks_go_can_still_be_read(server, install):
    install()
    response = get(http.client.HTTPConnection("127.0.0.1", server.port), "/slow-body")
    clients.uninstall()

    assert response.read() == b"helloworld"


def test_two_hundred_threads_do_not_mix(server, spans):
    def work(number):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for _ in range(2):
            get(connection, f"/hello/{number}").read()
        connection.close()

    with ThreadPoolExecutor(200) as threads:
        list(threads.map(work, range(200)))

    found = {}
    for call in calls(spans):
        found.setdefault(call[names.URL_FULL], []).append(call)
    assert len(found) == 200
    for pair in found.values():
        assert [call[names.CONNECTION_STATE] for call in pair] == ["new", "reused"]
        assert len({call[names.CONNECTION_ID] for call in pair}) == 1
    assert len({call[names.CONNECTION_ID] for call in calls(spans)}) == 200

from __future__ import annotations

import gc
import http.client
import io
import json
import socket
import threading
from contextlib import suppress

import pytest
import requests
from conformance.outgoing import calls, only_call
from faults.server import FaultServer
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
    suppress_instrumentation,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from raw_answers import answering, get

from tracekit import attributes as names
from tracekit import clients
from tracekit.clients import connect_scope, sending


@pytest.fixture
def connection(server, spans):
    made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_left_set():
    yield
    assert connect_scope.current.get() is None
    assert sending.current.get() is None


# --- what goes out ----------------------------------------------------------------------------


def test_the_trace_goes_out_once(connection, spans):
    sent = json.loads(get(connection, "/headers").read())

    assert format(only_call(spans).span.context.span_id, "016x") in sent["traceparent"]


def test_headers_that_the_host_sends_itself_are_left_alone(server, connection, spans):
    theirs = f"00-{'a' * 32}-{'b' * 16}-01"
    get(connection, "/", TraceParent=theirs).read()

    (request,) = server.requests
    assert request.headers["traceparent"] == theirs
    assert [name.lower() for name in request.raw].count("traceparent") == 1


def test_a_call_that_is_not_sampled_carries_its_context_and_has_no_span(server, install):
    clients.install(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    spans = install()
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    sent = json.loads(get(connection, "/headers").read())

    assert sent["traceparent"].endswith(("-00", "-02"))
    assert spans.spans == []


@pytest.mark.parametrize("suppress", [suppress_instrumentation, suppress_http_instrumentation])
def test_a_suppressed_call_is_left_alone(server, connection, spans, suppress):
    with suppress():
        assert get(connection).read() == b"hello"

    assert spans.spans == []
    assert "traceparent" not in server.requests[0].headers


def test_what_another_adapter_sends_has_one_span(server, spans):
    requests.get(server.url())

    assert only_call(spans)[names.CLIENT_LIBRARY] == "urllib3"
    assert [name.lower() for name in server.requests[0].raw].count("traceparent") == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"hello", {}, id="bytes"),
        pytest.param("hello", {}, id="text"),
        pytest.param(io.BytesIO(b"hello"), {"Content-Length": "5"}, id="a file"),
        pytest.param([b"he", b"llo"], {"Content-Length": "5"}, id="pieces"),
    ],
)
def test_every_kind_of_body_is_sent_as_part_of_the_call(connection, spans, body, headers):
    connection.request("POST", "/", body=body, headers=headers)
    assert connection.getresponse().read() == b"hello"

    call = only_call(spans)
    assert call.span.name == "POST"
    assert call.phase("send") > 0


def test_a_body_that_the_host_sends_by_itself_is_send(connection, spans):
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "5")
    connection.endheaders()
    for _ in range(5):
        connection.send(b"x")
    assert connection.getresponse().read() == b"hello"

    call = only_call(spans)
    assert call[names.phase("send")][1] == call[names.phase("wait")][0]


# --- the response -----------------------------------------------------------------------------


def by_line(response):
    return b"".join(response)


def by_piece(response):
    return b"".join(iter(lambda: response.read(3), b""))


def by_one(response):
    return b"".join(iter(lambda: response.read1(3), b""))


def into(response):
    room, found = bytearray(3), b""
    while count := response.readinto(room):
        found += room[:count]
    return found


def peeking(response):
    found = b""
    while response.length != 0 and response.peek():
        found += response.read1(3)
    return found


READERS = [lambda response: response.read(), by_line, by_piece, by_one, into, peeking]
NAMES = ["read", "lines", "pieces", "read1", "readinto", "peek"]


@pytest.mark.parametrize("path", ["/slow-body", "/chunked"])
@pytest.mark.parametrize("read", READERS, ids=NAMES)
def test_however_it_is_read_the_body_ends_with_its_last_byte(connection, spans, server, read, path):
    assert read(get(connection, path)) == b"helloworld"

    call = only_call(spans)
    assert call[names.BODY_BYTES] == 10
    assert call[names.BODY_COMPLETE] is True
    assert call.phase("receive") > 0.9 * server.delay
    assert call[names.ERROR_TYPE] is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", id="304"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", id="empty"),
    ],
)
def test_without_a_body_the_call_ends_with_the_headers(spans, answer):
    with answering(answer) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        get(connection)
        call = only_call(spans)
        connection.close()

    assert call[names.BODY_COMPLETE] is True
    assert call[names.BODY_BYTES] == 0


def test_a_head_request_has_no_body(connection, spans):
    connection.request("HEAD", "/")
    connection.getresponse()

    assert only_call(spans).span.name == "HEAD"


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nhello", "1.0", id="HTTP/1.0 without a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nhello", "1.1", id="HTTP/1.1 without a length"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "1.1",
            id="after a 100",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
            "1.1",
            id="chunks and a trailer",
        ),
    ],
)
@pytest.mark.parametrize("read", READERS, ids=NAMES)
def test_every_shape_of_response_is_complete(spans, answer, version, read):
    with answering(answer) as port:
        assert read(get(http.client.HTTPConnection("127.0.0.1", port))) == b"hello"

    call = only_call(spans)
    assert call[names.PROTOCOL_VERSION] == version
    assert call[names.BODY_COMPLETE] is True
    assert call[names.BODY_BYTES] == 5


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", id="by length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", id="by chunk"
        ),
    ],
)
@pytest.mark.parametrize("read", READERS, ids=NAMES)
def test_a_body_that_was_cut_is_an_error_even_where_the_host_hears_of_none(spans, answer, read):
    with answering(answer) as port, suppress(http.client.IncompleteRead):
        read(get(http.client.HTTPConnection("127.0.0.1", port)))

    call = only_call(spans)
    assert call[names.BODY_COMPLETE] is False
    assert call[names.ERROR_TYPE] == "IncompleteRead"


def test_a_wrong_argument_does_not_end_the_call(connection, spans):
    response = get(connection)
    with pytest.raises(TypeError):
        response.read("five")
    assert spans.spans == []
    assert response.read() == b"hello"

    assert only_call(spans)[names.BODY_COMPLETE] is True


def test_closing_before_the_end_is_leaving(connection, spans):
    response = get(connection, "/endless")
    response.read(5)
    response.close()

    call = only_call(spans)
    assert call[names.BODY_COMPLETE] is False
    assert call[names.ERROR_TYPE] is None


def test_closing_the_connection_leaves_its_response(connection, spans):
    response = get(connection, "/endless")
    connection.close()

    assert only_call(spans)[names.BODY_COMPLETE] is False
    response.close()


@pytest.mark.parametrize("path", ["/endless", "/closing"])
def test_a_forgotten_response_is_ended_by_the_next_call(server, spans, path):
    get(http.client.HTTPConnection("127.0.0.1", server.port), path)
    gc.collect()
    assert spans.spans == []
    get(http.client.HTTPConnection("127.0.0.1", server.port)).read()

    forgotten, _ = calls(spans)
    assert forgotten[names.BODY_COMPLETE] is False


def test_a_forgotten_request_is_ended_by_the_next_call(server, spans):
    http.client.HTTPConnection("127.0.0.1", server.port).request("GET", "/")
    gc.collect()
    get(http.client.HTTPConnection("127.0.0.1", server.port)).read()

    forgotten, _ = calls(spans)
    assert forgotten[names.HTTP_STATUS] is None


# --- errors and methods out of turn -----------------------------------------------------------


def test_a_dropped_connection_is_named_and_the_next_call_opens_another(connection, spans):
    with pytest.raises(http.client.RemoteDisconnected):
        get(connection, "/dropped-once")
    assert get(connection, "/dropped-once").read() == b"hello"

    first, second = calls(spans)
    assert first[names.ERROR_TYPE] == "RemoteDisconnected"
    assert first[names.ERROR_PHASE] == "wait"
    assert second[names.CONNECTION_STATE] == "new"


def test_a_request_that_was_never_answered_ends_when_its_connection_is_closed(connection, spans):
    connection.request("GET", "/hang")
    connection.close()
    connection.close()

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "abandoned"
    assert call.span.status.is_ok is False


def test_methods_out_of_turn_change_nothing(connection, spans):
    connection.request("GET", "/")
    with pytest.raises(http.client.CannotSendRequest):
        connection.request("GET", "/")
    with pytest.raises(http.client.CannotSendHeader):
        connection.endheaders()
    response = connection.getresponse()
    with pytest.raises(http.client.ResponseNotReady):
        connection.getresponse()
    assert response.read() == b"hello"

    assert only_call(spans)[names.ERROR_TYPE] is None


def test_a_second_request_sent_before_the_first_was_read_has_a_call_of_its_own(connection, spans):
    first = get(connection)
    connection.request("GET", "/")
    with pytest.raises(http.client.ResponseNotReady):
        connection.getresponse()
    assert first.read() == b"hello"
    assert connection.getresponse().read() == b"hello"

    assert [call[names.HTTP_STATUS] for call in calls(spans)] == [200, 200]


def test_a_connection_that_must_not_open_itself_fails(server, spans):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.auto_open = 0
    with pytest.raises(http.client.NotConnected):
        connection.request("GET", "/")

    assert only_call(spans)[names.ERROR_TYPE] == "NotConnected"


def test_a_url_that_cannot_be_sent_is_no_call(connection, spans):
    with pytest.raises(http.client.InvalidURL):
        connection.request("GET", "/a b")

    assert spans.spans == []


def test_a_body_that_fails_fails_the_call(connection, spans):
    def pieces():
        yield b"he"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        connection.request("POST", "/", body=pieces())

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "RuntimeError"
    assert call[names.ERROR_PHASE] == "send"


def test_a_body_may_come_from_another_call(server, connection, spans):
    def pieces():
        other = http.client.HTTPConnection("127.0.0.1", server.port)
        yield get(other).read()
        other.close()

    connection.request("POST", "/", body=pieces(), headers={"Content-Length": "5"})
    assert connection.getresponse().read() == b"hello"

    outer, inner = calls(spans)
    assert (outer.span.name, inner.span.name) == ("POST", "GET")
    assert outer[names.CONNECTION_ID] != inner[names.CONNECTION_ID]


# --- opening ----------------------------------------------------------------------------------


def test_a_connection_opened_by_hand_belongs_to_the_request_that_follows(connection, spans):
    connection.connect()
    get(connection).read()

    call = only_call(spans)
    assert call[names.CONNECTION_STATE] == "new"
    assert call.phase("connect") > 0
    assert call[names.CONNECTION_USE] == 1
    assert call[names.CODE_FILE] == __file__


def test_a_connection_opened_in_another_span_is_reused(connection, spans, provider):
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("warm up"):
        connection.connect()
    with tracer.start_as_current_span("work"):
        get(connection).read()

    call = only_call(spans)
    assert call[names.CONNECTION_STATE] == "reused"
    assert call[names.CONNECTION_USE] == 1
    assert call[names.phase("connect")] is None


def test_a_connection_opened_by_hand_and_refused_is_no_call(spans):
    with FaultServer() as gone:
        port = gone.port
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port).connect()

    assert spans.spans == []


def test_a_subclass_with_a_connect_of_its_own_is_seen_connecting(server, spans, tmp_path):
    path = str(tmp_path / "socket")

    class UnixConnection(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(path)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        connection = UnixConnection("localhost")
        assert get(connection).read() == b"hello"
        connection.close()
        thread.join(5)

    call = only_call(spans)
    assert call.attempts == [(path, "ok")]
    assert call[names.CONNECTION_STATE] == "new"
    assert call[names.PEER_ADDRESS] is None


def test_a_refused_tunnel_is_the_error_that_the_host_sees(spans):
    with answering(b"HTTP/1.1 403 Forbidden\r\n\r\n") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.set_tunnel("example.test", 80)
        with pytest.raises(OSError, match="403"):
            connection.request("GET", "/")

    call = only_call(spans)
    assert call[names.ERROR_TYPE] == "OSError"
    assert call[names.ERROR_PHASE] == "proxy"
    assert call[names.SERVER_ADDRESS] == "example.test"
    assert call[names.PROXY] == f"127.0.0.1:{port}"


def test_certificates_that_a_connection_loads_are_the_cost_of_making_it(spans, monkeypatch):
    original = http.client.ssl._create_default_https_context
    loaded = []

    def load():
        loaded.append(1)
        context = original()
        context.check_hostname = False
        context.verify_mode = http.client.ssl.CERT_NONE
        return context

    monkeypatch.setattr(http.client.ssl, "_create_default_https_context", load)
    with FaultServer(tls=True) as secure:
        connection = http.client.HTTPSConnection("127.0.0.1", secure.port)
        get(connection).read()
        connection.close()

    call = only_call(spans)
    assert loaded
    assert call[names.CLIENT_SETUP] > 100_000
    assert call[names.CLIENT_FILE] == __file__
    assert call[names.TLS_VERSION]

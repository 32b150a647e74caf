from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any

import pytest
import waitress.server
from flask import Flask
from opentelemetry.trace import SpanKind, StatusCode
from sockets import Client, get, serving_wsgi

import tracekit
from tracekit.testing import Capture

ENVIRON = {"REQUEST_METHOD": "GET", "SERVER_NAME": "x"}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextmanager
def serving_waitress(app: Any) -> Iterator[int]:
    server = waitress.server.create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        with suppress(OSError):  # woken by a request, it may have closed the trigger already
            server.trigger.pull_trigger(server.close)
        thread.join()
        server.task_dispatcher.shutdown()


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


SERVERS = pytest.mark.parametrize("serving", [serving_wsgi, serving_waitress])


@SERVERS
def test_the_request_id_is_echoed_and_on_the_span(captured: Capture, serving: Any) -> None:
    with serving(tracekit.WSGIMiddleware(hello)) as port:
        status, headers, body = get(port, "/a/b?secret=1", X_Request_ID="turn-7")
    (span,) = captured.wait(1)
    told = dict(span.attributes or {})
    assert (status, headers["x-request-id"], body) == (200, "turn-7", b"hello")
    assert (span.name, span.kind) == ("GET", SpanKind.SERVER)
    assert told["tracekit.request_id"] == "turn-7"
    assert told["http.request.method"] == "GET"
    assert told["http.response.status_code"] == 200
    assert (told["url.path"], told["server.port"]) == ("/a/b", port)
    assert told["network.peer.address"] == "127.0.0.1"
    assert "secret" not in str(told)


@SERVERS
def test_a_body_of_one_piece_keeps_its_content_length(captured: Capture, serving: Any) -> None:
    with serving(tracekit.WSGIMiddleware(hello)) as port:
        _, headers, _ = get(port)
    assert headers["content-length"] == "5"


def test_an_unacceptable_id_is_replaced(captured: Capture) -> None:
    with serving_wsgi(tracekit.WSGIMiddleware(hello)) as port:
        _, headers, _ = get(port, X_Request_ID="two words")
    assert uuid.UUID(headers["x-request-id"]).version == 7
    assert captured.wait(1)[0].attributes["tracekit.request_id.replaced"] is True


def test_the_callers_trace_is_continued(captured: Capture) -> None:
    with serving_wsgi(tracekit.WSGIMiddleware(hello)) as port:
        get(port, traceparent=f"00-{TRACE}-{PARENT}-01")
    (span,) = captured.wait(1)
    assert f"{span.context.trace_id:032x}-{span.parent.span_id:016x}" == f"{TRACE}-{PARENT}"


def test_a_streamed_response_ends_the_span_with_its_last_byte(captured: Capture) -> None:
    release = threading.Event()
    seen: list[str | None] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "9")])
        yield b"first"
        assert release.wait(5)
        seen.append(tracekit.current_request_id())
        with tracekit.stage("late"):
            yield b"last"

    with serving_waitress(tracekit.WSGIMiddleware(app)) as port:
        client = Client(port)
        response = client.get(headers={"X-Request-ID": "s"})
        assert response.read(5) == b"first"
        assert captured.spans == []
        release.set()
        assert response.read() == b"last"
        client.close()
        late, server = captured.wait(2)
    assert (late.name, server.name) == ("late", "GET")
    assert late.parent.span_id == server.context.span_id
    assert seen == ["s"]


def test_an_exception_is_recorded_and_goes_on_to_the_server(captured: Capture) -> None:
    raised = ZeroDivisionError("by zero")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise raised

    environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": "x", "SERVER_PORT": "80", "PATH_INFO": "/"}
    with pytest.raises(ZeroDivisionError) as seen:
        tracekit.WSGIMiddleware(app)(environ, None)
    assert seen.value is raised
    (span,) = captured.spans
    assert span.attributes["http.response.status_code"] == 500
    assert span.status.status_code is StatusCode.ERROR
    assert tracekit.current_request_id() is None


def test_an_exception_in_the_body_is_recorded(captured: Capture) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x"
        raise RuntimeError("midway")

    environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": "x"}
    body = iter(tracekit.WSGIMiddleware(app)(environ, lambda *_: None))
    assert next(body) == b"x"
    with pytest.raises(RuntimeError):
        next(body)
    (span,) = captured.spans
    assert span.attributes["error.type"] == "RuntimeError"
    assert span.attributes["http.response.status_code"] == 200


def test_closing_early_closes_the_body_and_ends_the_span(captured: Capture) -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x", b"y"])

        def close(self) -> None:
            closed.append(True)

    body: Any = tracekit.WSGIMiddleware(lambda environ, start: Body())(
        {"REQUEST_METHOD": "GET", "SERVER_NAME": "x"}, None
    )
    next(iter(body))
    assert captured.spans == []
    body.close()
    assert closed == [True]
    assert len(captured.spans) == 1


@SERVERS
def test_a_file_reaches_the_server_as_its_own_file_wrapper(captured: Capture, serving: Any) -> None:
    kept: list[bool] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "4")])
        return environ["wsgi.file_wrapper"](BytesIO(b"file"))

    middleware = tracekit.WSGIMiddleware(app)

    def outer(environ: Any, start_response: Any) -> Any:
        body = middleware(environ, start_response)
        kept.append(isinstance(body, environ["wsgi.file_wrapper"]))
        return body

    with serving(outer) as port:
        assert get(port)[2] == b"file"
        assert captured.wait(1)[0].attributes["http.response.status_code"] == 200
    assert kept == [True]


def test_a_body_that_is_a_list_stays_one_and_its_last_piece_ends_the_span(
    captured: Capture,
) -> None:
    body: Any = tracekit.WSGIMiddleware(hello)(dict(ENVIRON), lambda *_: None)
    assert isinstance(body, list)
    assert len(body) == 1
    assert captured.spans == []
    assert b"".join(body) == b"hello"
    assert len(captured.spans) == 1
    body.close()
    assert len(captured.spans) == 1


@SERVERS
def test_an_error_page_may_name_its_exc_info(captured: Capture, serving: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise RuntimeError("no")
        except RuntimeError:
            start_response("500 Oh", [("Content-Length", "4")], exc_info=sys.exc_info())
        return [b"oops"]

    with serving(tracekit.WSGIMiddleware(app)) as port:
        assert get(port)[::2] == (500, b"oops")
    assert captured.wait(1)[0].attributes["http.response.status_code"] == 500


@pytest.mark.parametrize("late", [False, True], ids=["before it returns", "before its first bytes"])
def test_headers_changed_after_start_response_arrive_where_the_server_still_reads_them(
    captured: Capture, late: bool
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        headers = [("X-Gone", "1")]
        start_response("200 OK", headers)

        def pieces() -> Iterator[bytes]:
            headers[:] = [("X-Added", "2")]
            yield b"x"

        return pieces() if late else list(pieces())

    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        _, headers, body = get(port, X_Request_ID="turn-7")
    assert (headers["x-added"], headers["x-request-id"], body) == ("2", "turn-7", b"x")
    assert "x-gone" not in headers


def test_headers_that_an_outer_middleware_added_stay_when_the_application_changes_its_own(
    captured: Capture,
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        headers = [("X-First", "1")]
        start_response("200 OK", headers)
        headers.append(("X-Late", "2"))
        return [b"x"]

    traced = tracekit.WSGIMiddleware(app)

    def outer(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[Any], *exc_info: Any) -> Any:
            headers.append(("X-Outer", "3"))
            return start_response(status, headers, *exc_info)

        return traced(environ, start)

    with serving_wsgi(outer) as port:
        _, headers, _ = get(port)
    assert (headers["x-first"], headers["x-late"], headers["x-outer"]) == ("1", "2", "3")


def test_a_list_of_headers_that_serves_every_request_is_not_changed(captured: Capture) -> None:
    shared = [("Content-Type", "text/plain")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", shared)
        return [b"x"]

    with serving_waitress(tracekit.WSGIMiddleware(app)) as port:
        assert get(port, X_Request_ID="a")[1]["x-request-id"] == "a"
        assert get(port, X_Request_ID="b")[1]["x-request-id"] == "b"
    assert shared == [("Content-Type", "text/plain")]


def test_flasks_rule_names_the_span(captured: Capture) -> None:
    flask = Flask("shop")
    flask.add_url_rule("/items/<int:item>", view_func=lambda item: str(item), endpoint="item")
    flask.wsgi_app = tracekit.WSGIMiddleware(flask.wsgi_app)  # type: ignore[method-assign]
    with serving_wsgi(flask) as port:
        assert get(port, "/items/7")[2] == b"7"
        get(port, "/nowhere")
    first, second = captured.wait(2)
    assert (first.name, second.name) == ("GET /items/<int:item>", "GET")


def test_twice_is_once(captured: Capture) -> None:
    app = tracekit.WSGIMiddleware(tracekit.WSGIMiddleware(hello))
    with serving_wsgi(app) as port:
        client = Client(port)
        assert len(client.get().headers.get_all("x-request-id") or []) == 1
        client.close()
    assert len(captured.wait(1)) == 1


def test_an_environ_that_breaks_our_code_does_not_break_the_application() -> None:
    assert tracekit.WSGIMiddleware(lambda environ, start: [b"ok"])({}, None) == [b"ok"]

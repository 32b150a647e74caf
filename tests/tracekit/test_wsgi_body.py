"""What becomes of a WSGI response's body, where no table of servers shows it."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from sockets import get, serving_wsgi

import tracekit
from tracekit import attributes as names
from tracekit.testing import Capture


class Server:
    """What a WSGI server gives an application."""

    def __init__(self, method: str = "GET", **environ: Any) -> None:
        self.environ = {"REQUEST_METHOD": method, "SERVER_NAME": "x", **environ}
        self.written: list[bytes] = []

    def start_response(self, *_: Any) -> Any:
        return self.written.append

    def call(self, app: Any) -> Any:
        return tracekit.WSGIMiddleware(app)(self.environ, self.start_response)

    def serve(self, app: Any) -> bytes:
        """Take the whole body, and close it."""
        body = self.call(app)
        try:
            return b"".join([*self.written, *body])
        finally:
            close(body)


def close(body: Any) -> None:
    if hasattr(body, "close"):
        body.close()


def answers(body: Any, status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [])
        return body

    return app


def told(captured: Capture) -> dict[str, Any]:
    # On a busy machine the rest of the server's work may have become a span of its own.
    (span,) = (one for one in captured.spans if one.kind is SpanKind.SERVER)
    return dict(span.attributes or {})


@pytest.mark.parametrize("body", [[b"ab", b"cde"], (b"ab", b"cde"), iter([b"ab", b"", b"cde"])])
def test_the_bytes_of_a_body_in_any_shape_are_counted(captured: Capture, body: Any) -> None:
    assert Server().serve(answers(body)) == b"abcde"
    found = told(captured)
    assert found[names.BODY_BYTES] == 5
    assert found[names.ENDED] == "complete"


def test_pieces_of_a_generator_are_chunks_and_empty_ones_are_none(captured: Capture) -> None:
    Server().serve(answers(iter([b"ab", b"", b"cde"])))
    assert told(captured)[names.BODY_CHUNKS] == 2


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 X")]
)
@pytest.mark.parametrize("shape", [list, iter], ids=["list", "generator"])
def test_a_body_that_no_server_sends_is_not_counted(
    captured: Capture, method: str, status: str, shape: Any
) -> None:
    Server(method).serve(answers(shape([b"x" * 10]), status))
    found = told(captured)
    assert (found[names.BODY_CHUNKS], found[names.BODY_BYTES]) == (0, 0)


def test_pieces_of_a_list_are_chunks_from_when_the_server_gets_them(captured: Capture) -> None:
    body = iter(Server().call(answers([b"ab", b"", b"cde"])))
    next(body)
    time.sleep(0.02)  # a slow client
    assert list(body) == [b"", b"cde"]
    found = told(captured)
    assert (found[names.BODY_CHUNKS], found[names.BODY_BYTES]) == (2, 5)
    assert found[names.BODY_FIRST_CHUNK] < 20_000_000 <= found[names.BODY_CONSUMER]


def test_a_list_in_one_piece_begins_before_the_client_has_it(captured: Capture) -> None:
    body = iter(Server().call(answers([b"x"])))
    next(body)
    time.sleep(0.02)
    assert list(body) == []
    (span,) = captured.spans
    assert told(captured)[names.BODY_FIRST_CHUNK] < 20_000_000 <= span.end_time - span.start_time


def test_a_list_that_is_closed_early_has_what_the_server_took(captured: Capture) -> None:
    body = Server().call(answers([b"ab", b"cd"]))
    next(iter(body))
    body.close()
    found = told(captured)
    assert (found[names.ENDED], found[names.BODY_BYTES]) == ("client_left", 2)


def test_a_list_that_the_server_reads_as_one_is_counted_at_its_close(captured: Capture) -> None:
    Server().call(answers([b"ab", b"cd"])).close()
    found = told(captured)
    assert (found[names.ENDED], found[names.BODY_BYTES]) == ("complete", 4)


def test_an_environ_that_is_used_again_is_another_request(captured: Capture) -> None:
    server = Server()
    app = tracekit.WSGIMiddleware(answers([b"x"]))
    for _ in range(2):
        server.serve(app)
    assert len({span.attributes[names.REQUEST_ID] for span in captured.spans}) == 2


def test_an_inner_middleware_that_is_called_late_is_inside_the_same_request(
    captured: Capture,
) -> None:
    inner = tracekit.WSGIMiddleware(answers([b"x"]))

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield from inner(environ, start_response)

    assert Server().serve(app) == b"x"
    assert len(captured.spans) == 1


def test_a_close_that_fails_leaves_no_cycle_behind(captured: Capture) -> None:
    class Failure(Exception):
        pass

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            raise Failure

    def failing() -> weakref.ref[Failure]:
        try:
            Server().serve(answers(Body()))
        except Failure as error:
            return weakref.ref(error)
        raise AssertionError

    gc.collect()
    gc.disable()
    try:
        assert failing()() is None
    finally:
        gc.enable()


def test_what_goes_through_write_is_counted_with_the_rest(captured: Capture) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"ab")
        write(b"")
        write(b"cde")
        return [b"f"]

    assert Server().serve(app) == b"abcdef"
    found = told(captured)
    assert (found[names.BODY_BYTES], found[names.BODY_CHUNKS]) == (6, 3)


def test_write_reaches_a_real_server(captured: Capture) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "2")])(b"ab")
        return []

    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        assert get(port)[2] == b"ab"
        assert captured.wait(1)[0].attributes[names.BODY_BYTES] == 2


def test_a_write_that_fails_fails_for_the_application_too(captured: Capture) -> None:
    def broken(*_: Any) -> Any:
        def write(piece: bytes) -> None:
            raise BrokenPipeError

        return write

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"ab")
        return []

    environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": "x"}
    with pytest.raises(BrokenPipeError):
        tracekit.WSGIMiddleware(app)(environ, broken)
    assert told(captured)[names.BODY_BYTES] == 0


def test_a_server_that_has_no_write_gives_none(captured: Capture) -> None:
    given: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        given.append(start_response("200 OK", []))
        return []

    environ = {"REQUEST_METHOD": "GET", "SERVER_NAME": "x"}
    close(tracekit.WSGIMiddleware(app)(environ, lambda *_: None))
    assert given == [None]


def test_a_file_that_the_server_sends_by_itself_has_no_size(captured: Capture) -> None:
    server = Server(**{"wsgi.file_wrapper": FileWrapper})
    assert server.serve(answers(FileWrapper(BytesIO(b"file")))) == b"file"
    found = told(captured)
    assert found[names.ENDED] == "complete"
    assert names.BODY_BYTES not in found


def test_a_body_that_is_closed_early_has_what_the_server_took(captured: Capture) -> None:
    body = Server().call(answers(iter([b"ab", b"cd", b"ef"])))
    next(body)
    next(body)
    close(body)
    (span,) = captured.spans
    found = told(captured)
    assert found[names.ENDED] == "client_left"
    assert found[names.BODY_BYTES] == 4
    assert span.status.status_code is StatusCode.UNSET


def test_a_body_that_was_never_asked_for_is_complete_unless_the_client_has_left(
    captured: Capture,
) -> None:
    close(Server("HEAD").call(answers(iter([b"x"]))))
    close(Server(**{"waitress.client_disconnected": lambda: True}).call(answers(iter([b"x"]))))
    assert [span.attributes[names.ENDED] for span in captured.spans] == ["complete", "client_left"]


def test_work_in_close_is_in_the_background_and_its_failure_goes_on(captured: Capture) -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Server().serve(answers(Body()))
    server, background = captured.spans
    assert server.attributes[names.ENDED] == "complete"
    assert background.name == "background"
    assert background.attributes[names.BACKGROUND] is True
    assert background.attributes[names.ERROR_TYPE] == "ZeroDivisionError"
    assert background.parent.span_id == server.context.span_id


def test_the_body_runs_in_the_requests_context(captured: Capture) -> None:
    seen: list[str | None] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(2):
            seen.append(tracekit.current_request_id())
            yield b"x"

    Server(HTTP_X_REQUEST_ID="turn-7").serve(answers(pieces()))
    assert seen == ["turn-7", "turn-7"]
    assert tracekit.current_request_id() is None


def test_a_body_of_known_length_keeps_it(captured: Capture) -> None:
    assert len(Server().call(answers((b"ab", b"c")))) == 2


def test_a_failure_before_the_first_piece_was_answered_500(captured: Capture) -> None:
    def pieces() -> Iterator[bytes]:
        raise ZeroDivisionError
        yield b""

    def app(environ: Any, start_response: Any) -> Any:
        return pieces()  # a generator may call start_response late

    with pytest.raises(ZeroDivisionError):
        Server().serve(app)
    found = told(captured)
    assert (found[names.HTTP_STATUS], found[names.ENDED]) == (500, "error")

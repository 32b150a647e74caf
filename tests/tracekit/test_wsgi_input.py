"""The request's body as a WSGI application reads it, and what its span says of that."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from sockets import serving_wsgi

import tracekit
from tracekit import attributes as names
from tracekit.testing import Capture

BODY = b"one\ntwo\nthree"


class Refusing:
    """An input whose client has left."""

    def read(self, *size: Any) -> bytes:
        raise ConnectionResetError


def serve(read: Callable[[Any], Any], body: Any = None, **environ: Any) -> Any:
    """Let an application *read* the input; return what it got."""
    got: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        got.append(read(environ["wsgi.input"]))
        start_response("200 OK", [])
        return []

    given = {
        "REQUEST_METHOD": "POST",
        "SERVER_NAME": "x",
        "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.input": io.BytesIO(BODY) if body is None else body,
        **environ,
    }
    tracekit.WSGIMiddleware(app)(given, lambda *_: None).close()  # type: ignore[attr-defined]
    return got[0]


def into(body: Any) -> bytes:
    space = bytearray(100)
    return bytes(space[: body.readinto(space)])


READS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "read": (lambda body: body.read(), BODY),
    "read in pieces": (lambda body: body.read(4) + body.read(100) + body.read(5), BODY),
    "readline": (lambda body: [body.readline(), body.readline(2), body.read()],
                 [b"one\n", b"tw", b"o\nthree"]),
    "readlines": (lambda body: body.readlines(), [b"one\n", b"two\n", b"three"]),
    "iteration": (list, [b"one\n", b"two\n", b"three"]),
    "read1": (lambda body: body.read1(), BODY),
    "readinto": (into, BODY),
}  # fmt: skip


@pytest.mark.parametrize("how", READS)
def test_every_way_to_read_gives_the_body_and_counts_it_once(captured: Capture, how: str) -> None:
    read, expected = READS[how]
    assert serve(read) == expected
    (span,) = captured.spans
    start, end = span.attributes[names.REQUEST_BODY]
    assert span.attributes[names.REQUEST_BODY_BYTES] == len(BODY)
    assert 0 <= start <= end
    assert 0 < span.attributes[names.REQUEST_BODY_WAIT] <= end - start


def test_what_was_not_read_is_not_counted(captured: Capture) -> None:
    serve(lambda body: body.read(3))
    assert captured.spans[0].attributes[names.REQUEST_BODY_BYTES] == 3
    serve(lambda body: None)
    assert names.REQUEST_BODY not in captured.spans[1].attributes


@pytest.mark.parametrize("length", ["", "0"])
def test_the_input_of_a_request_without_a_body_is_the_servers_own(
    captured: Capture, length: str
) -> None:
    body = io.BytesIO()
    assert serve(lambda given: given, body, CONTENT_LENGTH=length) is body


def test_a_body_in_chunks_is_counted_too(captured: Capture) -> None:
    serve(lambda body: body.read(), CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    assert captured.spans[0].attributes[names.REQUEST_BODY_BYTES] == len(BODY)


def test_the_rest_of_the_servers_input_is_there(captured: Capture) -> None:
    assert serve(lambda body: (body.tell(), body.closed)) == (0, False)
    assert serve(lambda body: hasattr(body, "fileno_of_nobody")) is False


def test_a_read_that_fails_fails_for_the_application_too(captured: Capture) -> None:
    with pytest.raises(ConnectionResetError):
        serve(lambda body: body.read(), Refusing())
    assert captured.spans[0].attributes[names.ERROR_TYPE] == "ConnectionResetError"


def test_an_input_that_gives_nonsense_gives_it_to_the_application(captured: Capture) -> None:
    class Odd:
        def read(self) -> None: ...

    assert serve(lambda body: body.read(), Odd()) is None


def test_a_slow_client_of_flask_shows_as_waiting(captured: Capture) -> None:
    flask = Flask("uploads")
    flask.add_url_rule(
        "/", view_func=lambda: str(len(request.get_data())), methods=["POST"], endpoint="upload"
    )
    flask.wsgi_app = tracekit.WSGIMiddleware(flask.wsgi_app)  # type: ignore[method-assign]
    with serving_wsgi(flask) as port, socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\n")
        for _ in range(2):
            time.sleep(0.05)  # the slow client
            client.sendall(b"12345")
        (span,) = captured.wait(1)
    assert span.attributes[names.REQUEST_BODY_BYTES] == 10
    assert span.attributes[names.REQUEST_BODY_WAIT] > 50_000_000

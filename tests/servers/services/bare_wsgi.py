"""The application without a framework: it knows no routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from behaviour import fail, pieces, planned, work_on


class WorkingOn:
    def __iter__(self) -> Iterator[bytes]:
        yield b"hello"

    def close(self) -> None:
        work_on()


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/fail":
        fail()
    if path == "/stream":
        start_response("200 OK", [])
        return pieces(planned(environ["QUERY_STRING"]))
    body = b"hello"
    if path == "/upload":
        body = str(len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))).encode()
    status = "404 Not Found" if path == "/nowhere" else "200 OK"
    start_response(status, [("Content-Length", str(len(body)))])
    return WorkingOn() if path == "/background" else [body]

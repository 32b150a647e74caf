"""One request, one answer: its route, its ID, its body, its connection, its failure."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from servers.cell import Cell, new_id
from servers.scenario import scenario
from servers.spans import ERROR

from tracekit import attributes as names

_ROUTES = {
    "Starlette": "/items/{item}",
    "FastAPI": "/items/{item}",
    "Flask": "/items/<int:item>",
    "Django": "/items/<int:item>",
}
_PAUSE = 0.05
_MS = 1_000_000


@scenario("plain")
def plain(cell):
    response, span = cell.get("/items/7")

    assert response.status_code == span[names.HTTP_STATUS] == 200
    assert span[names.HTTP_METHOD] == "GET"
    assert (span[names.URL_PATH], span[names.URL_SCHEME]) == ("/items/7", "http")
    assert span[names.PROTOCOL_VERSION] == response.http_version.removeprefix("HTTP/")
    assert span[names.SERVER_PORT] == cell.running.port
    assert span.get(names.SERVER_ADDRESS, "127.0.0.1") == "127.0.0.1"
    assert span[names.PEER_ADDRESS] == "127.0.0.1"
    assert span[names.BODY_BYTES] == len(response.content)
    assert 0 < span[names.FIRST_BYTE] <= span[names.BODY_FIRST_CHUNK] <= span.duration
    assert span[names.ENDED] == "complete"
    assert names.REQUEST_BODY not in span.attributes


@scenario("route")
def route(cell):
    template = _ROUTES[cell.framework]
    for prefix in ("", "/api"):
        _, span = cell.get(f"{prefix}/items/7")
        assert span.name == f"GET {prefix}{template}"
        assert span[names.HTTP_ROUTE] == f"{prefix}{template}"
    _assert_unnamed(cell)


@route.instead
def without_routes(cell):
    _, span = cell.get("/items/7")

    assert span.name == "GET"
    _assert_unnamed(cell)


def _assert_unnamed(cell: Cell) -> None:
    response, span = cell.get("/nowhere")
    assert response.status_code == span[names.HTTP_STATUS] == 404
    assert span.name == "GET"
    assert names.HTTP_ROUTE not in span.attributes


@scenario("request ID")
def request_id(cell):
    response, span = cell.get("/items/7")
    assert response.headers["x-request-id"] == span[names.REQUEST_ID]

    with cell.running.client() as client:
        response = client.get("/nowhere", headers={"X-Framework": cell.framework})
    made = response.headers["x-request-id"]
    assert uuid.UUID(made).version == 7
    assert cell.span(made)[names.HTTP_STATUS] == 404


@scenario("request body")
def request_body(cell):
    span = _upload(cell)

    start, end = span[names.REQUEST_BODY]
    assert span[names.REQUEST_BODY_WAIT] >= 2 * _PAUSE * 1000 * _MS * 0.95
    assert 0 <= start < end <= span.duration
    assert end - start >= span[names.REQUEST_BODY_WAIT]


@request_body.instead
def request_body_at_hand(cell):
    span = _upload(cell)

    assert span[names.REQUEST_BODY_WAIT] < _PAUSE * 1000 * _MS


def _upload(cell: Cell):
    def slowly() -> Iterator[bytes]:
        for number in range(3):
            time.sleep(_PAUSE if number else 0)  # a slow client
            yield b"y" * 1000

    sent = new_id()
    headers = {**cell.headers(sent), "Content-Length": "3000"}
    with cell.running.client() as client:
        assert client.post("/upload", content=slowly(), headers=headers).text == "3000"
    span = cell.span(sent)
    assert span[names.REQUEST_BODY_BYTES] == 3000
    return span


@scenario("error")
def error(cell):
    response, span = cell.get("/fail")

    assert response.status_code == span[names.HTTP_STATUS] == 500
    assert span.status == ERROR
    assert span[names.ERROR_TYPE] == "RuntimeError"
    assert span[names.ENDED] == "error"
    assert span.events == ("exception",)


@scenario("connection reuse")
def connection_reuse(cell):
    assert _two_on_one_client(cell) == [("new", 1), ("reused", 2)]


@connection_reuse.instead
def connections_closed(cell):
    assert _two_on_one_client(cell) == [("new", 1), ("new", 1)]


def _two_on_one_client(cell: Cell) -> list[tuple[str, int]]:
    ids = [new_id(), new_id()]
    with cell.running.client() as client:
        for one in ids:
            client.get("/items/7", headers=cell.headers(one))
    spans = [cell.span(one) for one in ids]
    return [(span[names.PEER_CONNECTION], span[names.PEER_USE]) for span in spans]


SCENARIOS = (
    plain,
    without_routes,
    request_id,
    request_body_at_hand,
    error,
    connections_closed,
)

"""A websocket: one span from its handshake to its close."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from servers.cell import Cell, new_id
from servers.http2_websocket import connect_http2
from servers.scenario import scenario
from servers.spans import ERROR, Span
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tracekit import attributes as names

_PATH = "/rooms/blue"


class Open(NamedTuple):
    """A websocket that the server has accepted, and the headers of its answer."""

    headers: Mapping[str, str]
    send: Callable[[str], object]
    recv: Callable[[], object]


@contextmanager
def _connect(cell: Cell, asked: str) -> Iterator[Open | None]:
    """Open a websocket and close it at the block's end; None for one that was refused."""
    port, headers = cell.running.port, cell.headers(asked)
    if cell.host.is_http2:
        with connect_http2(port, _PATH, headers) as opened:
            is_open = opened.status == 200
            yield Open(opened.headers, opened.send, opened.recv) if is_open else None
        return
    url = f"ws://127.0.0.1:{port}{_PATH}"
    try:
        connection = connect(url, additional_headers=headers, compression=None, proxy=None)
    except InvalidStatus:
        yield None
        return
    with connection:
        assert connection.response is not None
        yield Open(connection.response.headers, connection.send, lambda: connection.recv(5))


@scenario("websocket")
def websocket(cell):
    span = _talk(cell)

    route = "" if cell.framework == "bare" else " /rooms/{room}"
    assert span.name == f"WEBSOCKET{route}"
    assert span[names.HTTP_STATUS] == (200 if cell.host.is_http2 else 101)
    assert span[names.PROTOCOL_VERSION] == ("2" if cell.host.is_http2 else "1.1")
    assert span[names.WEBSOCKET_RECEIVED] == span[names.WEBSOCKET_SENT] == 3
    assert span[names.WEBSOCKET_RECEIVED_BYTES] == span[names.WEBSOCKET_SENT_BYTES] == 5


@websocket.instead
def no_websocket(cell):
    _assert_refused(cell)


def _assert_refused(cell: Cell) -> None:
    span = _refused(cell)

    if cell.host.is_asgi:
        assert (span.name, span[names.ERROR_TYPE]) == ("WEBSOCKET", "ValueError")
        assert (span.status, span[names.ENDED]) == (ERROR, "error")
    else:
        assert (span.name, span[names.ENDED]) == ("GET", "complete")


@scenario("websocket: ID")
def websocket_id(cell):
    asked = new_id()
    with _connect(cell, asked) as opened:
        assert opened is not None
        assert opened.headers["x-request-id"] == asked


@websocket_id.instead
def no_websocket_id(cell):
    asked = new_id()
    with _connect(cell, asked) as opened:
        assert opened is None or "x-request-id" not in opened.headers
    assert cell.span(asked)


@scenario("websocket: close")
def close(cell):
    span = _talk(cell)

    assert span[names.WEBSOCKET_CLOSE] == 1000
    assert span[names.ENDED] == "complete"


@close.instead
def close_lost(cell):
    if cell.framework not in ("bare", "Starlette", "FastAPI") or not cell.host.is_asgi:
        _assert_refused(cell)
        return
    span = _talk(cell)

    assert span[names.WEBSOCKET_CLOSE] == 1006
    assert span[names.ENDED] == "client_left"


def _talk(cell: Cell) -> Span:
    asked = new_id()
    with _connect(cell, asked) as opened:
        assert opened is not None
        for text in ("a", "bc", "ü"):
            opened.send(text)
            assert opened.recv() == text
    return cell.span(asked)


def _refused(cell: Cell) -> Span:
    asked = new_id()
    with _connect(cell, asked) as opened:
        assert opened is None
    return cell.span(asked)


SCENARIOS = (no_websocket, no_websocket_id, close_lost)

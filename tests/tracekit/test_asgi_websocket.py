"""What a websocket's span says, where no table of servers shows it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

import tracekit
from tracekit import attributes as names
from tracekit.testing import Capture

Messages = list[dict[str, Any]]
CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}


def serve(app: Any, *incoming: dict[str, Any], gone: bool = False) -> Messages:
    """Let *app* have the *incoming* messages; return what it sent. A *gone* client takes none."""
    waiting, sent = list(incoming), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        if gone:
            raise OSError("the client has left")
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/",
        "headers": [(b"x-request-id", b"talk-1")],
        "asgi": {"spec_version": "2.4"},
        "extensions": {"websocket.http.response": {}},
        "query_string": b"",
    }
    asyncio.run(tracekit.ASGIMiddleware(app)(scope, receive, send))  # type: ignore[arg-type]
    return sent


def says(*messages: dict[str, Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for message in messages:
            await send(message)

    return app


def disconnect(code: int) -> dict[str, Any]:
    return {"type": "websocket.disconnect", "code": code}


def told(captured: Capture) -> dict[str, Any]:
    (span,) = captured.spans
    return dict(span.attributes or {})


def test_bytes_and_text_are_counted_as_they_go_over_the_wire(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": b"12345"})

    serve(
        app,
        CONNECT,
        {"type": "websocket.receive", "text": "ü"},
        {"type": "websocket.receive", "bytes": b"", "text": None},
        disconnect(1000),
    )
    found = told(captured)
    assert (found[names.WEBSOCKET_RECEIVED], found[names.WEBSOCKET_RECEIVED_BYTES]) == (2, 2)
    assert (found[names.WEBSOCKET_SENT], found[names.WEBSOCKET_SENT_BYTES]) == (2, 10)


def test_a_connection_that_the_application_refuses_was_answered_403(captured: Capture) -> None:
    serve(says({"type": "websocket.close", "code": 4001}), CONNECT)
    found = told(captured)
    assert found[names.HTTP_STATUS] == 403
    assert found[names.WEBSOCKET_CLOSE] == 4001
    assert found[names.ENDED] == "complete"


def test_a_response_instead_of_a_websocket_has_its_own_status_and_our_header(
    captured: Capture,
) -> None:
    start = {"type": "websocket.http.response.start", "status": 401, "headers": []}
    body = {"type": "websocket.http.response.body", "body": b"no"}
    sent = serve(says(start, body), CONNECT)
    assert told(captured)[names.HTTP_STATUS] == 401
    assert told(captured)[names.ENDED] == "complete"
    assert (b"x-request-id", b"talk-1") in sent[0]["headers"]
    assert start["headers"] == []


def test_the_applications_own_close_is_the_code(captured: Capture) -> None:
    serve(says(ACCEPT, {"type": "websocket.close", "code": 1013}), CONNECT)
    found = told(captured)
    assert found[names.HTTP_STATUS] == 101
    assert found[names.WEBSOCKET_CLOSE] == 1013
    assert found[names.ENDED] == "complete"


@pytest.mark.parametrize(
    ("code", "how"),
    [(1000, "complete"), (1001, "complete"), (1005, "complete"), (1006, "client_left")],
)
def test_a_client_that_went_away_is_told_from_one_that_closed(
    captured: Capture, code: int, how: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await receive()

    serve(app, CONNECT, disconnect(code))
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == how
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(("code", "how"), [(1000, "complete"), (1006, "client_left")])
def test_an_endpoint_that_lets_the_goodbye_through_is_no_failure(
    captured: Capture, code: int, how: str
) -> None:
    async def endless(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.receive_text()

    app = Starlette(routes=[WebSocketRoute("/", endless)])
    with pytest.raises(Exception, match=str(code)):
        serve(app, CONNECT, disconnect(code))
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == how
    assert names.ERROR_TYPE not in told(captured)
    assert span.status.status_code is StatusCode.UNSET


def test_a_failure_in_the_middle_is_one(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve(app, CONNECT)
    (span,) = captured.spans
    found = told(captured)
    assert (found[names.ENDED], found[names.ERROR_TYPE]) == ("error", "ZeroDivisionError")
    assert found[names.HTTP_STATUS] == 101
    assert span.status.status_code is StatusCode.ERROR


def test_a_failure_before_the_handshakes_answer_was_a_500(captured: Capture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve(app, CONNECT)
    assert told(captured)[names.HTTP_STATUS] == 500


def test_an_application_that_returns_without_a_close_did_not_complete(captured: Capture) -> None:
    serve(says(ACCEPT), CONNECT)
    assert told(captured)[names.ENDED] == "error"


def test_a_client_that_takes_nothing_more_has_left(captured: Capture) -> None:
    with pytest.raises(OSError, match="left"):
        serve(says(ACCEPT), CONNECT, gone=True)
    (span,) = captured.spans
    assert told(captured)[names.ENDED] == "client_left"
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("text", ["", "plain", "café", "\u65e5\u672c"])
def test_the_bytes_of_a_text_are_those_on_the_wire(captured: Capture, text: str) -> None:
    close = {"type": "websocket.close"}
    serve(says(ACCEPT, {"type": "websocket.send", "text": text}, close), CONNECT)
    assert told(captured)[names.WEBSOCKET_SENT_BYTES] == len(text.encode())


def test_the_counts_are_of_messages_and_not_of_a_body(captured: Capture) -> None:
    serve(says(ACCEPT, {"type": "websocket.close"}), CONNECT)
    assert names.BODY_BYTES not in told(captured)

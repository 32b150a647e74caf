"""One websocket over ASGI: one span from its handshake to its close, with what passed."""

from __future__ import annotations

from tracekit import attributes as names
from tracekit import guard
from tracekit.asgi_http import add_headers
from tracekit.asgi_types import Message, Receive, Scope, Send
from tracekit.route import asgi_route
from tracekit.server import CLIENT_LEFT, COMPLETE, ERROR, Exchange
from tracekit.serving import Serving

_SWITCHING = 101
_CONNECTED = 200
"""The same over HTTP/2 and 3: RFC 8441, 5."""
_REFUSED = 403
"""What a server answers when the application closes instead of accepting (ASGI specification)."""
_UNCLOSED = 1006
"""The connection ended without a close: RFC 6455, 7.4.1."""


class WebSocketConnection:
    """Stands between server and application, as ``HttpRequest`` does for one request."""

    __slots__ = (
        "_closed",
        "_exchange",
        "_left",
        "_receive",
        "_received",
        "_scope",
        "_send",
        "_sent",
    )

    def __init__(
        self, exchange: Exchange, scope: Scope, serving: Serving, receive: Receive, send: Send
    ) -> None:
        self._exchange = exchange
        self._scope = scope
        self._receive = receive
        self._send = send
        self._left = self._closed = False
        exchange.sent.is_unseen = True  # messages are counted instead
        self._received = [0, 0]
        self._sent = [0, 0]

    async def receive(self) -> Message:
        """Return the server's next message."""
        message = await self._receive()
        try:
            if message["type"] == "websocket.receive":
                _count(self._received, message)
            elif message["type"] == "websocket.disconnect":
                self._close(message.get("code", 1005))
        except Exception as error:
            guard.fault("asgi.websocket.receive", error)
        return message

    async def send(self, message: Message) -> None:
        """Give the server the application's *message*."""
        kind = message["type"]
        if kind in ("websocket.accept", "websocket.http.response.start"):
            message = self._head(message)
        try:
            await self._send(message)
        except OSError:
            self._left = True
            raise
        self._note_sent(message)

    def how_it_ended(self) -> str:
        """Say how the connection ended, once the application has returned."""
        self._exchange.late.update(
            {
                names.WEBSOCKET_RECEIVED: self._received[0],
                names.WEBSOCKET_RECEIVED_BYTES: self._received[1],
                names.WEBSOCKET_SENT: self._sent[0],
                names.WEBSOCKET_SENT_BYTES: self._sent[1],
            }
        )
        if self._left:
            return CLIENT_LEFT
        return COMPLETE if self._closed else ERROR

    def is_goodbye(self, error: BaseException | None) -> bool:
        """Tell whether *error* is how Starlette says that the client has closed: no failure."""
        return self._closed and type(error).__name__ == "WebSocketDisconnect"

    def _note_sent(self, message: Message) -> None:
        try:
            kind = message["type"]
            if kind == "websocket.send":
                _count(self._sent, message)
            elif kind == "websocket.close":
                self._refuse_or_close(message)
            elif kind == "websocket.http.response.body" and not message.get("more_body", False):
                self._closed = True
        except Exception as error:
            guard.fault("asgi.websocket.send", error)

    def _refuse_or_close(self, message: Message) -> None:
        self._exchange.respond_once(_REFUSED)
        self._closed = True
        self._exchange.late.setdefault(names.WEBSOCKET_CLOSE, message.get("code", 1000))

    def _close(self, code: int) -> None:
        self._exchange.late.setdefault(names.WEBSOCKET_CLOSE, code)
        if not self._closed:
            self._left = code == _UNCLOSED
        self._closed = True

    def _head(self, message: Message) -> Message:
        try:
            message = {**message, "headers": list(message.get("headers") or ())}
            exchange, headers = self._exchange, message["headers"]
            exchange.respond(message.get("status") or _accepted(self._scope))
            exchange.route = asgi_route(self._scope, exchange.request.route, exchange.routed)
            add_headers(exchange, headers)
        except Exception as error:
            guard.fault("asgi.websocket.response", error)
        return message


def _accepted(scope: Scope) -> int:
    return _SWITCHING if scope.get("http_version", "1.1").startswith("1") else _CONNECTED


def _count(counts: list[int], message: Message) -> None:
    counts[0] += 1
    data = message.get("bytes")
    counts[1] += _bytes_of(message.get("text") or "") if data is None else len(data)


def _bytes_of(text: str) -> int:
    # Messages may be long: a copy is made only of those whose characters may take several bytes.
    return len(text) if text.isascii() else len(text.encode())

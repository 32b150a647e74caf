"""One HTTP request over ASGI: what the application receives, and what it sends."""

from __future__ import annotations

from typing import Any

from tracekit import attributes as names
from tracekit import clock, guard, server_flags
from tracekit.asgi_types import Message, Receive, Scope, Send
from tracekit.route import asgi_route
from tracekit.sent import Received
from tracekit.server import CLIENT_LEFT, COMPLETE, ERROR, Exchange, captured
from tracekit.serving import Serving

_BODIES = ("http.response.body", "http.response.zerocopysend", "http.response.pathsend")
_TRAILERS = "http.response.trailers"


class HttpRequest:
    """Stands between server and application: ``receive`` and ``send`` are what the latter gets.

    The span ends after the response's last byte has been handed to the server, or when the client
    is known to have left.
    """

    __slots__ = (
        "_ending",
        "_exchange",
        "_has_trailers",
        "_is_closed",
        "_left",
        "_missing",
        "_receive",
        "_scope",
        "_send",
        "_serving",
    )

    def __init__(
        self, exchange: Exchange, scope: Scope, serving: Serving, receive: Receive, send: Send
    ) -> None:
        self._exchange = exchange
        self._scope = scope
        self._serving = serving
        self._receive = receive
        self._send = send
        self._has_trailers = False
        self._left = False
        self._ending = False
        """Whether the response's last message is with the server."""
        self._is_closed = False
        """Whether the server has said since that it is over, and not for the client's leaving."""
        self._missing: int | None = None
        """Bytes that the body still lacks, where its length is known: at 0 the response is whole.

        From then on the client and the server may close, whatever the application still sends.
        """

    async def receive(self) -> Message:
        """Return the server's next message."""
        asked = clock.now()
        message = await self._receive()
        self._note_received(message, asked)
        return message

    async def send(self, message: Message) -> None:
        """Give the server the application's *message*, the first with our headers."""
        is_start = message["type"] == "http.response.start"
        if is_start:
            message = self._head(message)
        else:
            self._look(message)
        given = clock.now()
        try:
            await self._send(message)
        except OSError:
            self._leave()
            raise
        except BaseException:
            # Hypercorn closes inside of it; who hears so then cancels what is still sending.
            if self._is_closed:
                self._note_sent(message, given)
            raise
        if not is_start:
            self._note_sent(message, given)

    def how_it_ended(self) -> str:
        """Say how a request ended whose last byte was never sent."""
        self._look()
        return CLIENT_LEFT if self._left else ERROR

    def is_goodbye(self, error: BaseException | None) -> bool:
        """Return False: whether the client had left before *error*, the exchange knows."""
        return False

    def _note_received(self, message: Message, asked: int) -> None:
        try:
            if not self._exchange.is_open:
                return
            if message["type"] == "http.disconnect":
                self._hear_of_the_end()
                return
            if self._left:
                return
            exchange = self._exchange
            if exchange.received is None:
                exchange.received = Received()
            exchange.received.add(len(message.get("body") or b""), asked, clock.now())
        except Exception as error:
            guard.fault("asgi.receive", error)

    def _hear_of_the_end(self) -> None:
        if self._ending and not self._is_lost():
            self._is_closed = True
        elif self._missing != 0:
            self._leave()
        else:  # granian says so right after the headers of a response that has no body
            self._exchange.last_byte(COMPLETE)

    def _is_end(self, message: Message) -> bool:
        kind = message["type"]
        if kind in _BODIES:
            return not self._has_trailers
        return kind == _TRAILERS and not message.get("more_trailers")

    def _note_sent(self, message: Message, given: int) -> None:
        try:
            if not self._exchange.is_open:
                return
            if self._ending and not self._is_closed and self._is_lost():
                self._leave()
            is_whole = False
            if message["type"] in _BODIES:
                if not self._left:  # else it reaches nobody
                    self._count(message, given)
                is_whole = self._missing == 0 and self._exchange.sent.count > 0
            if is_whole or self._ending:
                self._exchange.last_byte(CLIENT_LEFT if self._left else COMPLETE)
        except Exception as error:
            guard.fault("asgi.send", error)

    def _count(self, message: Message, given: int) -> None:
        exchange = self._exchange
        if message["type"] != "http.response.body":
            exchange.sent.is_unseen, self._missing = True, None
        elif exchange.has_body and (size := len(message.get("body") or b"")):
            exchange.sent.add(size, given, clock.now())
            if self._missing is not None:
                self._missing = max(0, self._missing - size)

    def _look(self, message: Message | None = None) -> None:
        """See whether the client has left, unless all was sent: that closes the stream too.

        See, too, whether *message*, which is about to be sent, is the last.
        """
        try:
            if message is not None and not message.get("more_body"):
                self._ending = self._is_end(message)
            if self._missing != 0 and not self._left and server_flags.has_left(self._send):
                self._leave()
        except Exception as error:
            guard.fault("asgi.left", error)

    def _is_lost(self) -> bool:
        """See whether the client left with the last message on its way, unless it had it all."""
        return self._missing != 0 and server_flags.left_at_the_end(self._send)

    def _leave(self) -> None:
        self._left = True
        try:
            self._exchange.client_left()
        except Exception as error:
            guard.fault("asgi.left", error)

    def _head(self, message: Message) -> Message:
        try:
            # A new message with a new list: the application may send the same object for every
            # request, and its headers may be an iterator, which can be read once only.
            message = {**message, "headers": list(message.get("headers", ()))}
            self._complete(message)
        except Exception as error:
            guard.fault("asgi.response", error)
        return message

    def _complete(self, message: Message) -> None:
        exchange, headers = self._exchange, message["headers"]
        exchange.respond_once(message["status"])
        exchange.route = asgi_route(self._scope, exchange.request.route, exchange.routed)
        self._has_trailers = bool(message.get("trailers"))
        self._missing = self._length(headers)
        if self._serving.response_headers:
            told = _by_name(headers)
            wanted = self._serving.response_headers
            exchange.late.update(captured(wanted, told, names.response_header))
        add_headers(exchange, headers)

    def _length(self, headers: list[Any]) -> int | None:
        if self._has_trailers:
            return None
        if not self._exchange.has_body:
            return 0
        for name, value in headers:
            if name.lower() == b"content-length":
                return int(value) if value.isdigit() else None
        return None


def add_headers(exchange: Exchange, headers: list[Any]) -> None:
    """Add ours to the response's *headers*, but those that the application sets itself."""
    present = [name.lower().decode("latin-1") for name, _ in headers]
    for name, value in exchange.headers(present):
        headers.append((name.lower().encode("ascii"), value.encode("latin-1")))


def _by_name(pairs: Any) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in pairs:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers

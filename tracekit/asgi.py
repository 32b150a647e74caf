"""ASGI middleware: wrap the whole application, ``app = ASGIMiddleware(app)``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opentelemetry.context import attach

from tracekit import attributes, guard, lifecycle
from tracekit.propagation import Headers, wanted_headers
from tracekit.request_id import HEADER
from tracekit.route import asgi_route
from tracekit.scope import leave
from tracekit.server import SEEN, Attributes, Exchange

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER = HEADER.lower().encode()
_FLUSH_SECONDS = 5.0


class ASGIMiddleware:
    """Traces every HTTP request that *app* serves, and gives each a request ID.

    Wrap the finished application, so that the error page of its framework is inside the span:
    ``app = ASGIMiddleware(app)``; ``app.add_middleware(ASGIMiddleware)`` works too. The ID is
    echoed as ``X-Request-ID`` unless the application sets that header itself. Without ``init`` it
    only gives and echoes IDs. Lifespan passes through and flushes at its shutdown; websockets pass
    through with the request ID in their context.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI server."""
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, _flushing(send))
            return
        exchange = _arrive(scope) if kind in ("http", "websocket") else None
        if exchange is None:
            await self.app(scope, receive, send)
            return
        await self._serve(exchange, scope, receive, send)

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            send = _Response(exchange, scope, send).send
        # An explicit context: uvicorn leaks context variables between requests on one connection.
        token = attach(exchange.context)
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            exchange.route = asgi_route(scope)
            exchange.end(error)
            raise
        finally:
            leave(token)
            exchange.end()


class _Response:
    """The response on its way out: adds the ID to its head, ends the span after its last byte."""

    __slots__ = ("_exchange", "_scope", "_send")

    def __init__(self, exchange: Exchange, scope: Scope, send: Send) -> None:
        self._exchange = exchange
        self._scope = scope
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(self._head(message))
            return
        await self._send(message)
        if _is_last(message):
            self._exchange.end()

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
        self._exchange.respond(message["status"])
        self._exchange.route = asgi_route(self._scope)
        for name, _ in message["headers"]:
            if name.lower() == _HEADER:
                return
        message["headers"].append((_HEADER, self._exchange.request.request_id.encode("ascii")))


def _is_last(message: Message) -> bool:
    kind = message["type"]
    if kind in ("http.response.body", "http.response.zerocopysend"):
        return not message.get("more_body", False)
    return bool(kind == "http.response.pathsend")


def _arrive(scope: Scope) -> Exchange | None:
    """Return the exchange of *scope*, its span open if it is HTTP; None to stay out of the way."""
    try:
        if SEEN in scope:
            return None
        scope[SEEN] = True
        exchange = Exchange(scope.get("method", "GET"), _read(scope["headers"]))
        if scope["type"] == "http":
            exchange.start(_describe(scope))
    except Exception as error:
        guard.fault("asgi.request", error)
        return None
    return exchange


def _read(pairs: Any) -> Headers:
    headers: Headers = {}
    wanted = wanted_headers()
    for raw, value in pairs:
        name = raw.decode("latin-1")
        if name in wanted:
            headers.setdefault(name, []).append(value.decode("latin-1"))
    return headers


def _describe(scope: Scope) -> Attributes:
    described: Attributes = {
        attributes.URL_PATH: scope["path"],
        attributes.URL_SCHEME: scope.get("scheme", "http"),
        attributes.PROTOCOL_VERSION: scope["http_version"],
    }
    server, client = scope.get("server"), scope.get("client")
    if server:
        described[attributes.SERVER_ADDRESS] = server[0]
        if server[1] is not None:
            described[attributes.SERVER_PORT] = server[1]
    if client:
        described[attributes.PEER_ADDRESS] = client[0]
        described[attributes.PEER_PORT] = client[1]
    return described


def _flushing(send: Send) -> Send:
    async def flush_then_send(message: Message) -> None:
        if message["type"] == "lifespan.shutdown.complete":
            await _flush()
        await send(message)

    return flush_then_send


async def _flush() -> None:
    # Imported here: the import budget. A loop other than asyncio's leaves the flush to the exit.
    import asyncio

    try:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, lifecycle.flush, _FLUSH_SECONDS)
    except RuntimeError as error:
        guard.fault("asgi.flush", error)

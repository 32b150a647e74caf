"""ASGI middleware: wrap the whole application, ``app = ASGIMiddleware(app)``."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import attach
from opentelemetry.propagators.textmap import TextMapPropagator

from tracekit import attributes as names
from tracekit import guard, loop_lag, peers, queueing
from tracekit.asgi_http import HttpRequest
from tracekit.asgi_lifespan import Lifespan
from tracekit.asgi_types import App, Receive, Scope, Send
from tracekit.asgi_websocket import WebSocketConnection
from tracekit.attributes import Values
from tracekit.propagation import Headers, wanted_headers
from tracekit.route import asgi_route
from tracekit.scope import leave
from tracekit.server import SEEN, Exchange, captured, is_served
from tracekit.serving import Serving, Trust, serving


class ASGIMiddleware:
    """Traces every request and websocket that *app* serves, and gives each a request ID.

    Wrap the finished application, so that the error page of its framework is inside the span:
    ``app = ASGIMiddleware(app)``; ``app.add_middleware(ASGIMiddleware)`` works too. The ID is
    echoed as ``X-Request-ID`` unless the application sets that header itself. Without ``init`` it
    only gives and echoes IDs. Lifespan passes through; its shutdown brings the spans to safety.

    *trust_incoming* is False at a public edge: the IDs that callers send are then replaced; or it
    is a function that takes the ASGI scope and says whether to trust this caller. The
    *capture_…_headers* are the names of those that go on the span. *server_timing* and
    *traceresponse* add these response headers: stages for a browser's developer tools, and the
    trace. What is not given comes from ``TRACEKIT_*``. Raises ConfigurationError.
    """

    def __init__(
        self,
        app: App,
        *,
        trust_incoming: Trust | None = None,
        capture_request_headers: Iterable[str] | None = None,
        capture_response_headers: Iterable[str] | None = None,
        server_timing: bool | None = None,
        traceresponse: bool | None = None,
    ) -> None:
        self.app = app
        self._serving = serving(
            trust_incoming=trust_incoming,
            capture_request_headers=capture_request_headers,
            capture_response_headers=capture_response_headers,
            server_timing=server_timing,
            traceresponse=traceresponse,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI server."""
        kind = scope["type"]
        if kind == "lifespan":
            await Lifespan(receive, send).serve(self.app, scope)
            return
        exchange = _arrive(scope, receive, self._serving) if kind in ("http", "websocket") else None
        if exchange is not None:
            conversation = _conversation(exchange, scope, self._serving, receive, send)
        if exchange is None or conversation is None:
            await self.app(scope, receive, send)
            return
        await self._serve(exchange, scope, conversation)

    async def _serve(
        self, exchange: Exchange, scope: Scope, conversation: HttpRequest | WebSocketConnection
    ) -> None:
        # An explicit context: uvicorn leaks context variables between requests on one connection.
        token = attach(exchange.context)
        failure: BaseException | None = None
        try:
            await self.app(scope, conversation.receive, conversation.send)
        except BaseException as error:
            failure = error
            raise
        finally:
            leave(token)
            _finish(exchange, scope, conversation, failure)
            failure = None  # its traceback holds this frame: a cycle


def _conversation(
    exchange: Exchange, scope: Scope, serving: Serving, receive: Receive, send: Send
) -> HttpRequest | WebSocketConnection | None:
    try:
        make = HttpRequest if scope["type"] == "http" else WebSocketConnection
        return make(exchange, scope, serving, receive, send)
    except Exception as error:
        guard.fault("asgi.conversation", error)
        exchange.end()
        return None


def _finish(
    exchange: Exchange,
    scope: Scope,
    conversation: HttpRequest | WebSocketConnection,
    error: BaseException | None,
) -> None:
    try:
        if exchange.is_open:
            told, routed = exchange.request.route, exchange.routed
            exchange.route = exchange.route or asgi_route(scope, told, routed)
            how = conversation.how_it_ended()
            exchange.end(None if conversation.is_goodbye(error) else error, how)
            if error is None or exchange.is_left:  # an error page may have work after it too
                exchange.returned()
        else:
            exchange.returned(error)
        loop_lag.served(exchange.lag)
    except Exception as fault:
        guard.fault("asgi.finish", fault)
    exchange.routed = None  # it holds the exchange: a cycle


def _arrive(scope: Scope, receive: Receive, serving: Serving) -> Exchange | None:
    """Return the exchange of *scope*, its span open; None to stay out of the way."""
    try:
        if SEEN in scope and is_served(scope, serving):
            return None
        headers = _read(scope["headers"], serving)
        exchange = scope[SEEN] = Exchange(scope.get("method", "GET"), headers, serving, scope)
        described = _describe(scope)
        if serving.request_headers:
            described.update(captured(serving.request_headers, headers, names.request_header))
        exchange.start(described, None if scope["type"] == "http" else "WEBSOCKET")
        exchange.lag = loop_lag.enter(serving=True)
        if exchange.queued is None:
            exchange.queued = queueing.told_by_kernel(_socket(scope, receive))
    except Exception as error:
        guard.fault("asgi.request", error)
        return None
    return exchange


def _socket(scope: Scope, receive: Receive) -> Any:
    """Return the socket that this request alone came on, where the server lets one see it.

    uvicorn's ``receive`` is a method of an object that has its transport. Private: anything else
    there gives None.
    """
    if scope.get("http_version") == "2":  # the last segment may be another request's
        return None
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    return None if transport is None else transport.get_extra_info("socket")


@functools.lru_cache(maxsize=16)
def _wanted(_textmap: TextMapPropagator, serving: Serving) -> dict[bytes, str]:
    wanted = wanted_headers() | serving.request_headers | set(queueing.HEADERS)
    return {name.encode("latin-1"): name for name in wanted}


def _read(pairs: Any, serving: Serving) -> Headers:
    headers: Headers = {}
    wanted = _wanted(propagate.get_global_textmap(), serving)
    for raw, value in pairs:
        name = wanted.get(raw)
        if name is not None:
            headers.setdefault(name, []).append(value.decode("latin-1"))
    return headers


def _describe(scope: Scope) -> Values:
    described: Values = {
        names.URL_PATH: scope["path"],
        names.URL_SCHEME: scope.get("scheme", "http"),
        names.PROTOCOL_VERSION: scope.get("http_version", "1.1"),
    }
    server, client = scope.get("server"), scope.get("client")
    if server:
        described[names.SERVER_ADDRESS] = server[0]
        if server[1] is not None:
            described[names.SERVER_PORT] = int(server[1])  # granian's is a string
    if client:
        _describe_peer(described, client, server)
    return described


def _describe_peer(described: Values, client: Any, server: Any) -> None:
    described[names.PEER_ADDRESS] = client[0]
    if client[1]:
        described[names.PEER_PORT] = int(client[1])
        peers.describe(described, (client[0], client[1], server[1] if server else None))

"""WSGI middleware: wrap the whole application, ``app = WSGIMiddleware(app)``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import attach
from opentelemetry.propagators.textmap import TextMapPropagator

from tracekit import attributes as names
from tracekit import clock, guard, peers, queueing
from tracekit.attributes import Values
from tracekit.propagation import Headers, wanted_headers
from tracekit.route import arrival, wsgi_route
from tracekit.scope import leave
from tracekit.server import SEEN, Exchange, captured, is_served
from tracekit.serving import Serving, Trust, serving
from tracekit.wsgi_body import wrap
from tracekit.wsgi_input import timed

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

_REPEATABLE = frozenset({"server-timing"})
"""Headers of ours that stand beside the application's own."""


class WSGIMiddleware:
    """Traces every request that *app* serves, and gives each a request ID.

    Wrap the finished application: ``app = WSGIMiddleware(app)``, or in Flask
    ``app.wsgi_app = WSGIMiddleware(app.wsgi_app)``. The ID is echoed as ``X-Request-ID`` unless the
    application sets that header itself. Without ``init`` it only gives and echoes IDs.

    The options are those of ``ASGIMiddleware``; a function for *trust_incoming* takes the WSGI
    environ.
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

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Serve one request of the WSGI server."""
        exchange = _arrive(environ, self._serving)
        if exchange is None:
            return self.app(environ, start_response)
        start = _Start(exchange, environ, self._serving, start_response)
        token = attach(exchange.context)
        try:
            body = self.app(environ, start)
        except BaseException as error:
            exchange.end(error)
            raise
        finally:
            leave(token)
        start.follow()
        return wrap(body, exchange, environ, start.follow)


class _Start:
    """``start_response``: notes the status and echoes the ID, in a list of the server's own.

    The application's list stays as it is, because it may serve the next request too. What the
    application changes in it afterwards, until its first bytes, ``follow`` brings to the server's:
    some servers read it as late as that.
    """

    def __init__(
        self, exchange: Exchange, environ: Environ, serving: Serving, start_response: Any
    ) -> None:
        self._exchange = exchange
        self._serving = serving
        self._added: list[tuple[str, str]] = []
        self._environ = environ
        self._start_response = start_response
        self._given: list[Any] = []
        self._seen: list[Any] = []
        self._sent: list[Any] = []

    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        try:
            headers = headers if isinstance(headers, list) else list(headers)
            self._note(status, headers)
            self._given, self._seen, self._sent = headers, [*headers], self._with_ours(headers)
            headers = self._sent
        except Exception as error:
            guard.fault("wsgi.response", error)
        if exc_info is None:
            write = self._start_response(status, headers)
        else:
            write = self._start_response(status, headers, exc_info)
        return write and functools.partial(self._write, write)

    def _write(self, write: Callable[[bytes], Any], piece: bytes) -> None:
        """Do what PEP 3333 keeps for applications older than itself: write past the body."""
        given = clock.now()
        write(piece)
        try:
            if piece and self._exchange.has_body:
                self._exchange.sent.add(len(piece), given, clock.now())
        except Exception as error:
            guard.fault("wsgi.write", error)

    def follow(self) -> None:
        """Bring the application's changes since to the server's list. Never raises."""
        try:
            if self._given == self._seen:
                return
            before = self._with_ours(self._seen)
            # A middleware outside ours may have added to the list that the server got.
            others = [header for header in self._sent if header not in before]
            self._seen, self._sent[:] = [*self._given], [*self._with_ours(self._given), *others]
        except Exception as error:
            guard.fault("wsgi.response", error)

    def _note(self, status: str, headers: list[Any]) -> None:
        exchange = self._exchange
        exchange.respond(int(status[:3]))
        environ = self._environ  # Flask forgets the route at its return
        exchange.route = wsgi_route(environ, exchange.request.route, exchange.arrival)
        self._added = exchange.headers(())
        if self._serving.response_headers:
            told: Headers = {}
            for name, value in headers:
                told.setdefault(name.lower(), []).append(value)
            wanted = self._serving.response_headers
            exchange.late.update(captured(wanted, told, names.response_header))

    def _with_ours(self, headers: list[Any]) -> list[Any]:
        """Return *headers* and those of ours that the application does not set itself."""
        present = {name.lower() for name, _ in headers}
        absent = [one for one in self._added if one[0].lower() not in present or _repeats(one)]
        return headers + absent


def _repeats(header: tuple[str, str]) -> bool:
    return header[0].lower() in _REPEATABLE


def _arrive(environ: Environ, serving: Serving) -> Exchange | None:
    """Return the exchange of *environ*, its span open; None to stay out of the way."""
    try:
        if SEEN in environ and is_served(environ, serving):
            return None
        headers = _read(environ, serving)
        exchange = Exchange(environ["REQUEST_METHOD"], headers, serving, environ)
        environ[SEEN], exchange.arrival = exchange, arrival(environ)
        described = _describe(environ)
        if serving.request_headers:
            described.update(captured(serving.request_headers, headers, names.request_header))
        exchange.start(described)
        if exchange.queued is None:
            exchange.queued = queueing.told_by_kernel(environ.get("gunicorn.socket"))
        timed(environ, exchange)
    except Exception as error:
        guard.fault("wsgi.request", error)
        return None
    return exchange


def _read(environ: Environ, serving: Serving) -> Headers:
    wanted = _wanted(propagate.get_global_textmap(), serving)
    return {name: [environ[variable]] for variable, name in wanted if variable in environ}


@functools.lru_cache(maxsize=16)
def _wanted(_textmap: TextMapPropagator, serving: Serving) -> tuple[tuple[str, str], ...]:
    wanted = wanted_headers() | serving.request_headers | set(queueing.HEADERS)
    return tuple((_variable(name), name) for name in wanted)


def _variable(name: str) -> str:
    variable = name.upper().replace("-", "_")
    # Those two a server puts where CGI has them.
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"


def _describe(environ: Environ) -> Values:
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if not path.isascii():
        # WSGI carries the path's bytes as latin-1 (PEP 3333, "Unicode Issues").
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    described: Values = {
        names.URL_PATH: path,
        names.URL_SCHEME: environ.get("wsgi.url_scheme", "http"),
    }
    server, port = environ["SERVER_NAME"], environ.get("SERVER_PORT")
    if not server.endswith(".invalid"):  # waitress's: it does not know
        described[names.SERVER_ADDRESS] = server
    if (number := _number(port)) is not None:
        described[names.SERVER_PORT] = number
    peer, its_port = environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT")
    if peer:
        described[names.PEER_ADDRESS] = peer
    if (number := _number(its_port)) is not None:
        described[names.PEER_PORT] = number
        if peer:
            peers.describe(described, (peer, its_port, port))
    protocol = environ.get("SERVER_PROTOCOL", "")
    if protocol.startswith("HTTP/"):
        described[names.PROTOCOL_VERSION] = protocol[5:]
    return described


def _number(port: Any) -> int | None:
    return int(port) if str(port).isdecimal() else None

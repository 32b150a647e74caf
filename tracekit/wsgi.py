"""WSGI middleware: wrap the whole application, ``app = WSGIMiddleware(app)``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.context import attach

from tracekit import attributes, guard
from tracekit.propagation import Headers, wanted_headers
from tracekit.request_id import HEADER
from tracekit.route import wsgi_route
from tracekit.scope import leave
from tracekit.server import SEEN, Attributes, Exchange

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

_FIELD = HEADER.lower()


class WSGIMiddleware:
    """Traces every request that *app* serves, and gives each a request ID.

    Wrap the finished application: ``app = WSGIMiddleware(app)``, or in Flask
    ``app.wsgi_app = WSGIMiddleware(app.wsgi_app)``. The ID is echoed as ``X-Request-ID`` unless the
    application sets that header itself. Without ``init`` it only gives and echoes IDs.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Serve one request of the WSGI server."""
        exchange = _arrive(environ)
        if exchange is None:
            return self.app(environ, start_response)
        start = _Start(exchange, environ, start_response)
        token = attach(exchange.context)
        try:
            body = self.app(environ, start)
        except BaseException as error:
            exchange.end(error)
            raise
        finally:
            leave(token)
        start.follow()
        return _wrap(body, exchange, environ, start)


class _Start:
    """``start_response``: notes the status and echoes the ID, in a list of the server's own.

    The application's list stays as it is, because it may serve the next request too. What the
    application changes in it afterwards, until its first bytes, ``follow`` brings to the server's:
    some servers read it as late as that.
    """

    def __init__(self, exchange: Exchange, environ: Environ, start_response: Any) -> None:
        self._exchange = exchange
        self._environ = environ
        self._start_response = start_response
        self._given: list[Any] = []
        self._seen: list[Any] = []
        self._sent: list[Any] = []

    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        try:
            self._note(status)
            headers = headers if isinstance(headers, list) else list(headers)
            self._given, self._seen, self._sent = headers, [*headers], self._with_id(headers)
            headers = self._sent
        except Exception as error:
            guard.fault("wsgi.response", error)
        if exc_info is None:
            return self._start_response(status, headers)
        return self._start_response(status, headers, exc_info)

    def follow(self) -> None:
        """Bring the application's changes since to the server's list. Never raises."""
        try:
            if self._given == self._seen:
                return
            before = self._with_id(self._seen)
            # A middleware outside ours may have added to the list that the server got.
            others = [header for header in self._sent if header not in before]
            self._seen, self._sent[:] = [*self._given], [*self._with_id(self._given), *others]
        except Exception as error:
            guard.fault("wsgi.response", error)

    def _note(self, status: str) -> None:
        self._exchange.respond(int(status[:3]))
        self._exchange.route = wsgi_route(self._environ)  # Flask forgets it at its return

    def _with_id(self, headers: list[Any]) -> list[Any]:
        if any(name.lower() == _FIELD for name, _ in headers):
            return [*headers]
        return [*headers, (HEADER, self._exchange.request.request_id)]


class _Body:
    """The response's body; each step runs in the request's context, the end closes the span."""

    def __init__(self, body: Iterable[bytes], exchange: Exchange, start: _Start) -> None:
        self._body = body
        self._steps: Iterator[bytes] | None = None
        self._exchange = exchange
        self._start = start

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = attach(self._exchange.context)
        try:
            if self._steps is not None:
                return next(self._steps)
            return self._first()
        except BaseException as error:
            self._exchange.end(None if isinstance(error, StopIteration) else error)
            raise
        finally:
            leave(token)

    def _first(self) -> bytes:
        self._steps = iter(self._body)
        piece = next(self._steps)
        self._start.follow()
        return piece

    def close(self) -> None:
        """Close the application's body; the server calls it after the last byte or before."""
        token = attach(self._exchange.context)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            leave(token)
            self._exchange.end()


class _SizedBody(_Body):
    """A body of known length, from which servers derive ``Content-Length``."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


class _ListBody(list[bytes]):
    """A body that is a list and stays one, because servers send those in one piece."""

    def __init__(self, body: list[bytes], exchange: Exchange) -> None:
        super().__init__(body)
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        # To the end, because not every server closes a list.
        yield from super().__iter__()
        self._exchange.end()

    def close(self) -> None:
        """End the span; the server calls it after the last byte."""
        self._exchange.end()


def _wrap(
    body: Iterable[bytes], exchange: Exchange, environ: Environ, start: _Start
) -> Iterable[bytes]:
    if type(body) is list:
        return _ListBody(body, exchange)
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(body, wrapper) and _on_close(body, exchange):
        return body
    return (_SizedBody if hasattr(body, "__len__") else _Body)(body, exchange, start)


def _on_close(body: Any, exchange: Exchange) -> bool:
    """End the span in the body's own ``close``, so that the server still sees its file wrapper."""
    close = getattr(body, "close", None)

    def closing() -> None:
        try:
            if close is not None:
                close()
        finally:
            exchange.end()

    try:
        body.close = closing
    except AttributeError:
        return False
    return True


def _arrive(environ: Environ) -> Exchange | None:
    """Return the exchange of *environ*, its span open; None to stay out of the way."""
    try:
        if SEEN in environ:
            return None
        environ[SEEN] = True
        exchange = Exchange(environ["REQUEST_METHOD"], _read(environ))
        exchange.start(_describe(environ))
    except Exception as error:
        guard.fault("wsgi.request", error)
        return None
    return exchange


def _read(environ: Environ) -> Headers:
    pairs = ((name, environ.get(_variable(name))) for name in wanted_headers())
    return {name: [value] for name, value in pairs if value is not None}


@functools.cache
def _variable(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


def _describe(environ: Environ) -> Attributes:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    described: Attributes = {
        # WSGI carries the path's bytes as latin-1 (PEP 3333, "Unicode Issues").
        attributes.URL_PATH: path.encode("latin-1", "replace").decode("utf-8", "replace"),
        attributes.URL_SCHEME: environ.get("wsgi.url_scheme", "http"),
        attributes.SERVER_ADDRESS: environ["SERVER_NAME"],
    }
    for name, key in (
        (attributes.SERVER_PORT, "SERVER_PORT"),
        (attributes.PEER_PORT, "REMOTE_PORT"),
    ):
        port = str(environ.get(key, ""))
        if port.isdecimal():
            described[name] = int(port)
    if peer := environ.get("REMOTE_ADDR"):
        described[attributes.PEER_ADDRESS] = peer
    protocol = environ.get("SERVER_PROTOCOL", "")
    if protocol.startswith("HTTP/"):
        described[attributes.PROTOCOL_VERSION] = protocol[5:]
    return described

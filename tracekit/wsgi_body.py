"""The response's body on its way from a WSGI application to its server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.context import attach

from tracekit import clock, guard
from tracekit.scope import leave
from tracekit.server import CLIENT_LEFT, COMPLETE, Exchange

Begun = Callable[[], None]
"""Called once the application has produced its first bytes."""


class Body:
    """The response's body; each step runs in the request's context, the end closes the span."""

    def __init__(
        self, body: Iterable[bytes], exchange: Exchange, environ: dict[str, Any], begun: Begun
    ) -> None:
        self._body = body
        self._steps: Iterator[bytes] | None = None
        self._exchange = exchange
        self._environ = environ
        self._begun = begun
        self._given = 0
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._taken()
        token = attach(self._exchange.context)
        try:
            piece = self._first() if self._steps is None else next(self._steps)
        except BaseException as error:
            self._exchange.end(None if isinstance(error, StopIteration) else error)
            raise
        finally:
            leave(token)
        self._give(piece)
        return piece

    def _first(self) -> bytes:
        self._steps = iter(self._body)
        piece = next(self._steps)
        self._begun()
        return piece

    def _give(self, piece: bytes) -> None:
        try:
            self._size, self._given = len(piece), clock.now()
        except Exception as error:
            guard.fault("wsgi.body", error)

    def _taken(self) -> None:
        """Count the piece that the server had, now that it is back for the next."""
        try:
            if self._size and self._exchange.has_body:
                self._exchange.sent.add(self._size, self._given, clock.now())
            self._size = 0
        except Exception as error:
            guard.fault("wsgi.body", error)

    def close(self) -> None:
        """Close the application's body; the server calls it after the last byte or before."""
        token = attach(self._exchange.context)
        failure: BaseException | None = None
        self._taken()
        try:
            self._exchange.end(how=self._how())
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            failure = error
            raise
        finally:
            leave(token)
            self._exchange.returned(failure)
            failure = None  # its traceback holds this frame: a cycle

    def _how(self) -> str:
        # A server does not ask for the body of a HEAD, nor for that of a 304.
        try:
            unread = self._steps is None
            return COMPLETE if unread and not has_left(self._environ) else CLIENT_LEFT
        except Exception as error:
            guard.fault("wsgi.close", error)
            return CLIENT_LEFT


class SizedBody(Body):
    """A body of known length, from which servers derive ``Content-Length``."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


class ListBody(list[bytes]):
    """A body that is a list and stays one, because servers send those in one piece."""

    _is_asked = False
    """Whether the server takes it piece by piece; then, what it holds now and since when."""
    _held: Any = None
    _given = 0

    def __init__(self, body: list[bytes], exchange: Exchange) -> None:
        super().__init__(body)
        self._exchange = exchange
        self._pieces = (*body,)

    def __iter__(self) -> Iterator[bytes]:
        # To the end, because not every server closes a list.
        self._is_asked = True
        for piece in super().__iter__():
            self._given, self._held = clock.now(), piece
            yield piece
            self._taken()
        self._exchange.end()

    def close(self) -> None:
        """End the span; the server calls it after the last byte, or before."""
        if not self._exchange.is_open:
            return
        if not self._is_asked:  # it has sent the list as such
            self._given, self._held = clock.now(), self._pieces
        self._taken()
        is_cut = self._is_asked and self._exchange.has_body
        self._exchange.end(how=CLIENT_LEFT if is_cut else COMPLETE)

    def _taken(self) -> None:
        """Count what the server had of the body, now that it has done with it."""
        held, self._held = self._held, None
        try:
            exchange = self._exchange
            if held and exchange.is_open and exchange.has_body:
                size = len(held) if self._is_asked else sum(map(len, held))
                exchange.sent.add(size, self._given, clock.now())
        except Exception as error:
            guard.fault("wsgi.body", error)


def has_left(environ: dict[str, Any]) -> bool:
    """Tell whether the client has left, where the server says so (waitress)."""
    asked = environ.get("waitress.client_disconnected")
    return bool(asked is not None and asked())


def wrap(
    body: Iterable[bytes], exchange: Exchange, environ: dict[str, Any], begun: Begun
) -> Iterable[bytes]:
    """Return *body* so that the end of *exchange* shows, in the shape that servers look for.

    Never raises: what cannot be wrapped ends the exchange here.
    """
    try:
        return _wrapped(body, exchange, environ, begun)
    except Exception as error:
        guard.fault("wsgi.wrap", error)
        exchange.end()
        return body


def _wrapped(
    body: Iterable[bytes], exchange: Exchange, environ: dict[str, Any], begun: Begun
) -> Iterable[bytes]:
    if type(body) is list:
        return ListBody(body, exchange)
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(body, wrapper) and _on_close(body, exchange):
        return body
    return (SizedBody if hasattr(body, "__len__") else Body)(body, exchange, environ, begun)


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
    exchange.sent.is_unseen = True
    return True

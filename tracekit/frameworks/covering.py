"""The middleware put around an application that knows nothing of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.trace import SpanKind

from tracekit import guard
from tracekit.asgi import ASGIMiddleware
from tracekit.asgi_types import App, Receive, Scope, Send
from tracekit.clients.patching import Patches
from tracekit.request import request_in
from tracekit.server import SEEN
from tracekit.serving import Serving, serving
from tracekit.wsgi import Environ, WSGIMiddleware

_explicit: set[type] = set()
"""The kinds of our middleware that the application has itself: these settings are the ones meant.

For the whole process, because which application is inside of which cannot be told beforehand.
"""
_begin: list[Callable[[], None]] = []
"""What starts tracing as the first application is about to be served."""


def before_serving(begin: Callable[[], None]) -> None:
    """Have *begin* called, once, when an application is covered for the first time."""
    _begin[:] = [begin]


def _begun() -> None:
    try:
        if _begin:
            _begin.pop()()
    except Exception as error:  # another thread was first, at worst
        guard.fault("frameworks.begin", error)


class _Asgi(ASGIMiddleware):
    """The middleware with settings from the environment; like *app* in all else."""

    def __init__(self, app: Any, settings: Serving) -> None:
        self.app = app
        self._serving = settings

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self).get("app"), name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve = self.app if ASGIMiddleware in _explicit else super().__call__
        await serve(scope, receive, send)


class _Wsgi(WSGIMiddleware):
    def __init__(self, app: Any, settings: Serving) -> None:
        self.app = app
        self._serving = settings

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self).get("app"), name)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if WSGIMiddleware in _explicit:
            return self.app(environ, start_response)
        return super().__call__(environ, start_response)


def covered_asgi(app: Any) -> Any:
    """Return ASGI application *app* with the middleware around it. Never raises."""
    return _covered(app, ASGIMiddleware, _Asgi)


def covered_wsgi(app: Any) -> Any:
    """Return WSGI application *app* with the middleware around it. Never raises."""
    return _covered(app, WSGIMiddleware, _Wsgi)


def _covered(app: Any, middleware: type, cover: Callable[[Any, Serving], Any]) -> Any:
    try:
        if not callable(app):
            return app
        _begun()
        return app if isinstance(app, middleware) else cover(app, _settings())
    except Exception as error:
        guard.fault("frameworks.cover", error)
        return app


@functools.cache
def _settings() -> Serving:
    return serving()


def calling_asgi(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the ``__call__`` of an ASGI application class, covered."""

    @functools.wraps(original)
    async def call(app: App, scope: Scope, receive: Receive, send: Send) -> None:
        serve = functools.partial(original, app)
        if not _is_served(scope):
            serve = covered_asgi(serve)
        await serve(scope, receive, send)

    return call


def calling_wsgi(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the ``__call__`` of a WSGI application class, covered."""

    @functools.wraps(original)
    def call(app: Any, environ: Environ, start_response: Any) -> Iterable[bytes]:
        serve: Any = functools.partial(original, app)
        if not _is_served(environ):
            serve = covered_wsgi(serve)
        served: Iterable[bytes] = serve(environ, start_response)
        return served

    return call


def _is_served(caller: Any) -> bool:
    """Tell whether middleware of ours is at work around this application already.

    If not in its own scope or environ, then perhaps in those of an application that it is part of:
    Flask inside Starlette begins with an environ of its own.
    """
    if caller.get(SEEN) is not None:
        return True
    request = request_in(None)
    return (
        request is not None
        and request.root.is_recording()
        and getattr(request.root, "kind", None) is SpanKind.SERVER
    )


def hook_explicit(patches: Patches, _module: Any) -> None:
    """Notice when the application makes middleware of ours itself, and when that serves."""
    _explicit.clear()
    for middleware in (ASGIMiddleware, WSGIMiddleware):
        patches.wrap(middleware, "__init__", functools.partial(_noticing, middleware))
    # Whatever the server: what is inside of it stands aside, and would start nothing.
    patches.wrap(ASGIMiddleware, "__call__", _serving_asgi)
    patches.wrap(WSGIMiddleware, "__call__", _serving_wsgi)


def _noticing(middleware: type, original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def initialise(made: Any, *args: Any, **kwargs: Any) -> None:
        original(made, *args, **kwargs)
        _explicit.add(middleware)

    return initialise


def _serving_asgi(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def call(made: Any, scope: Scope, receive: Receive, send: Send) -> None:
        _begun()
        await original(made, scope, receive, send)

    return call


def _serving_wsgi(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(made: Any, environ: Environ, start_response: Any) -> Iterable[bytes]:
        _begun()
        served: Iterable[bytes] = original(made, environ, start_response)
        return served

    return call

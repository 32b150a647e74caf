"""Servers, so that any application is covered: each where it has the application that it serves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tracekit import guard
from tracekit.clients.patching import Patches
from tracekit.frameworks.covering import covered_asgi, covered_wsgi

Original = Callable[..., Any]
_GUNICORN_WSGI = ("sync", "gthread", "ggevent", "geventlet", "gtornado")


def hook_uvicorn(patches: Patches, module: Any) -> None:
    """Cover the application inside of uvicorn's own middleware, which tells of proxies."""
    patches.wrap(module.Config, "load", _loading)


def _loading(original: Original) -> Original:
    @functools.wraps(original)
    def load(config: Any) -> None:
        original(config)
        try:
            _cover_loaded(config)
        except Exception as error:
            guard.fault("uvicorn.cover", error)

    return load


def _cover_loaded(config: Any) -> None:
    holder, name = config, "loaded_app"
    kind = type(getattr(holder, name)).__name__
    while kind in ("ProxyHeadersMiddleware", "MessageLoggerMiddleware"):
        holder, name = getattr(holder, name), "app"
        kind = type(getattr(holder, name)).__name__
    cover = covered_asgi
    if config.interface == "wsgi":
        holder, name, cover = getattr(holder, name), "app", covered_wsgi
    setattr(holder, name, cover(getattr(holder, name)))


def hook_hypercorn(patches: Patches, module: Any) -> None:
    """Cover what Hypercorn's two wrappers hold."""
    patches.wrap(module.ASGIWrapper, "__init__", functools.partial(_taking, covered_asgi, 1))
    patches.wrap(module.WSGIWrapper, "__init__", functools.partial(_taking, covered_wsgi, 1))


def hook_granian_asgi(patches: Patches, module: Any) -> None:
    """Cover the callback that granian's workers call."""
    patches.wrap(module, "_callback_wrapper", functools.partial(_taking, covered_asgi, 0))


def hook_granian_wsgi(patches: Patches, module: Any) -> None:
    """Cover the callback that granian's workers call."""
    patches.wrap(module, "_callback_wrapper", functools.partial(_taking, covered_wsgi, 0))


def hook_gunicorn(patches: Patches, module: Any) -> None:
    """Cover what gunicorn's workers get; those of other packages are covered by these."""
    patches.wrap(module.BaseApplication, "wsgi", _giving)


def _giving(original: Original) -> Original:
    @functools.wraps(original)
    def wsgi(application: Any) -> Any:
        app = original(application)
        try:
            package, _, worker = application.cfg.worker_class.__module__.rpartition(".")
        except Exception as error:
            guard.fault("gunicorn.cover", error)
            return app
        if package != "gunicorn.workers":
            return app
        if worker in _GUNICORN_WSGI:
            return covered_wsgi(app)
        return covered_asgi(app) if worker == "gasgi" else app

    return wsgi


def hook_waitress(patches: Patches, module: Any) -> None:
    """Cover what every waitress server is made with."""
    patches.wrap(module.BaseWSGIServer, "__init__", functools.partial(_taking, covered_wsgi, 1))


def hook_werkzeug(patches: Patches, module: Any) -> None:
    """Cover what ``run_simple`` and ``make_server`` serve, debugger included."""
    patches.wrap(module.BaseWSGIServer, "__init__", functools.partial(_taking, covered_wsgi, 3))


def hook_wsgiref(patches: Patches, module: Any) -> None:
    """Cover what a server of the standard library, or Django's ``runserver``, is set to serve."""
    patches.wrap(module.WSGIServer, "set_app", functools.partial(_taking, covered_wsgi, 1))


_NAMES = ("app", "application", "callback")


def _taking(cover: Callable[[Any], Any], at: int, original: Original) -> Original:
    """Return *original* with its argument number *at*, the application, covered."""

    @functools.wraps(original)
    def taking(*args: Any, **kwargs: Any) -> Any:
        if len(args) > at:
            args = (*args[:at], cover(args[at]), *args[at + 1 :])
        else:
            kwargs = {k: cover(v) if k in _NAMES else v for k, v in kwargs.items()}
        return original(*args, **kwargs)

    return taking

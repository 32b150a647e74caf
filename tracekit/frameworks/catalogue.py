"""The frameworks and servers that have hooks, and the versions these are made for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import NamedTuple

from tracekit.clients.libraries import Library
from tracekit.clients.patching import Patches


class Framework(NamedTuple):
    """A package, and the function in ``library.module`` that puts its hooks in.

    They go in when *trigger* has been imported: the module that has what they wrap.
    """

    trigger: str
    library: Library

    @property
    def version(self) -> str:
        """The installed version; empty where it is none that was installed."""
        try:
            return version(self.library.name)
        except PackageNotFoundError:
            return ""

    def put_in(self, patches: Patches, module: ModuleType) -> None:
        """Add the hooks on *module*, the trigger, to *patches*."""
        ours = importlib.import_module(self.library.module)
        hook: Callable[[Patches, ModuleType], None] = getattr(ours, self.library.hooks)
        hook(patches, module)


_HERE = "tracekit.frameworks"


def _framework(trigger: str, module: str, hook: str, since: str = "", until: str = "") -> Framework:
    name = trigger.partition(".")[0]
    return Framework(trigger, Library(name, f"{_HERE}.{module}", hook, since, until))


ROUTES = (
    _framework("django.core.handlers.base", "routes", "hook_django", "4.2", "7"),
    _framework("starlette.routing", "routes", "hook_starlette", "0.37", "2"),
    _framework("channels.consumer", "routes", "hook_channels", "3", "5"),
    _framework("flask.ctx", "routes", "hook_flask", "2.2", "4"),
    _framework("quart.ctx", "routes", "hook_quart", "0.18", "1"),
    _framework("datasette.app", "routes", "hook_datasette", "0.64", "2"),
    _framework("django.core.handlers.exception", "failures", "hook_django", "4.2", "7"),
    _framework("flask.app", "failures", "hook_flask", "2.2", "4"),
)
APPLICATIONS = (
    _framework("starlette.applications", "applications", "hook_starlette", "0.37", "2"),
    _framework("flask.app", "applications", "hook_flask", "2.2", "4"),
    _framework("django.core.handlers.wsgi", "applications", "hook_django_wsgi", "4.2", "7"),
    _framework("django.core.handlers.asgi", "applications", "hook_django_asgi", "4.2", "7"),
)
SERVERS = (
    _framework("uvicorn.config", "servers", "hook_uvicorn", "0.23", "1"),
    _framework("hypercorn.app_wrappers", "servers", "hook_hypercorn", "0.15", "1"),
    _framework("granian.asgi", "servers", "hook_granian_asgi", "2", "3"),
    _framework("granian.wsgi", "servers", "hook_granian_wsgi", "2", "3"),
    _framework("gunicorn.app.base", "servers", "hook_gunicorn", "20.1", "28"),
    _framework("waitress.server", "servers", "hook_waitress", "2", "4"),
    _framework("werkzeug.serving", "servers", "hook_werkzeug", "2.2", "4"),
    _framework("wsgiref.simple_server", "servers", "hook_wsgiref"),
)
EXPLICIT = (_framework("tracekit.asgi", "covering", "hook_explicit"),)
"""Our own middleware: where an application has it, the automatic one stands aside."""

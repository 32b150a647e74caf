"""Frameworks whose applications are covered wherever they are called, whatever the server."""

from __future__ import annotations

from typing import Any

from tracekit.clients.patching import Patches
from tracekit.frameworks.covering import calling_asgi, calling_wsgi


def hook_starlette(patches: Patches, module: Any) -> None:
    """Cover Starlette's applications; FastAPI's call the same method."""
    patches.wrap(module.Starlette, "__call__", calling_asgi)


def hook_flask(patches: Patches, module: Any) -> None:
    """Cover Flask's applications from outside of whatever stands in ``app.wsgi_app``."""
    patches.wrap(module.Flask, "__call__", calling_wsgi)


def hook_django_wsgi(patches: Patches, module: Any) -> None:
    """Cover Django's WSGI applications."""
    patches.wrap(module.WSGIHandler, "__call__", calling_wsgi)


def hook_django_asgi(patches: Patches, module: Any) -> None:
    """Cover Django's ASGI applications."""
    patches.wrap(module.ASGIHandler, "__call__", calling_asgi)

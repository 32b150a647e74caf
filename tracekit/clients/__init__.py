"""Hooks into the HTTP clients that the user has: an adapter per library, a shared connect scope."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from typing import Protocol

from opentelemetry.trace import TracerProvider

from tracekit import guard
from tracekit.clients.body import reap

__all__ = ["install", "reap", "uninstall"]

_SCOPES = (
    ("sockets", "tracekit.clients.connect_scope", "SocketHooks"),
    ("asyncio", "tracekit.clients.event_loops", "EventLoopHooks"),
    ("http.client", "tracekit.clients.tunnels", "TunnelHooks"),
    ("gc", "tracekit.garbage", "GarbageHooks"),
)
_ADAPTERS = (
    ("httpx", "tracekit.clients.httpx_adapter", "HttpxAdapter"),
    ("httpx2", "tracekit.clients.httpx_adapter", "Httpx2Adapter"),
    ("urllib3", "tracekit.clients.urllib3_adapter", "Urllib3Adapter"),
    ("requests", "tracekit.clients.requests_adapter", "RequestsAdapter"),
)
"""Name, module and class. The scopes are installed before the adapters and removed after them."""


class Adapter(Protocol):
    """What each library's adapter offers."""

    def install(self) -> None:
        """Put the hooks in place."""

    def uninstall(self) -> None:
        """Put every original back."""


_lock = threading.Lock()
_installed: list[Adapter] = []


def install(tracer_provider: TracerProvider) -> None:
    """Trace the outgoing calls of every client library that can be imported.

    A second call changes nothing. A library whose hooks cannot be put in place goes untraced, which
    is counted and logged once.
    """
    with _lock:
        if _installed:
            return
        for name, module, hooks in _SCOPES:
            _add(f"{name}.install", module, hooks)
        for name, module, adapter in _ADAPTERS:
            if importlib.util.find_spec(name) is not None:
                _add(f"{name}.install", module, adapter, tracer_provider)


def uninstall() -> None:
    """Put every hooked function back as it was; end the calls whose responses were forgotten."""
    with _lock:
        while _installed:
            _remove(_installed.pop())
    reap()


def _add(where: str, module: str, name: str, *arguments: TracerProvider) -> None:
    adapter: Adapter | None = None
    try:
        adapter = getattr(importlib.import_module(module), name)(*arguments)
        adapter.install()
        _installed.append(adapter)
    except Exception as error:  # a library we do not know must not stop the host
        guard.fault(where, error)
        if adapter is not None:
            _remove(adapter)


def _remove(adapter: Adapter) -> None:
    try:
        adapter.uninstall()
    except Exception as error:
        guard.fault("clients.uninstall", error)

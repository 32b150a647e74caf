"""Hooks into the HTTP clients that the user has: an adapter per library, a shared connect scope."""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

import wrapt
from opentelemetry.trace import TracerProvider

from tracekit import guard
from tracekit.clients.body import reap
from tracekit.clients.libraries import LIBRARIES, Library
from tracekit.fork_lock import ForkLock

__all__ = ["install", "reap", "uninstall"]

_SCOPES = (
    ("sockets", "tracekit.clients.connect_scope", "SocketHooks"),
    ("asyncio", "tracekit.clients.event_loops", "EventLoopHooks"),
    ("tunnels", "tracekit.clients.tunnels", "TunnelHooks"),
    ("gc", "tracekit.garbage", "GarbageHooks"),
)
"""Name, module and class of what all libraries share: installed before their adapters."""


class Adapter(Protocol):
    """What each library's adapter offers."""

    def install(self) -> None:
        """Put the hooks in place."""

    def uninstall(self) -> None:
        """Put every original back."""


_lock = ForkLock()
_provider: TracerProvider | None = None
_claimed: set[str] = set()
_installed: list[Adapter] = []
_awaited: set[str] = set()
_round = 0
"""How often everything has been taken out: what was begun in an earlier round is unwanted."""


def install(tracer_provider: TracerProvider) -> None:
    """Trace the outgoing calls of every client library that this process uses.

    One that is imported later gets its hooks then: nothing is imported that the host does not. A
    second call changes nothing. A library whose hooks cannot be put in place, or whose version is
    none that its adapter knows, goes untraced, which is counted and logged once.
    """
    global _provider
    with _lock:
        if _provider is not None:
            return
        _provider = tracer_provider
    for name, module, hooks in _SCOPES:
        _add(name, module, hooks)
    for library in LIBRARIES:
        _expect(library)


def uninstall() -> None:
    """Put every hooked function back as it was; end the calls whose responses were forgotten."""
    global _provider, _round
    with _lock:
        _provider = None
        _round += 1
        _claimed.clear()
        while _installed:
            _remove(_installed.pop())
    reap()


def _expect(library: Library) -> None:
    module = sys.modules.get(library.name)
    if module is not None:
        _arrived(library, module)
    elif library.name not in _awaited:
        _awaited.add(library.name)
        wrapt.register_post_import_hook(functools.partial(_arrived, library), library.name)


def _arrived(library: Library, module: ModuleType) -> None:
    provider = _provider
    if provider is None:  # uninstalled meanwhile
        return
    if library.knows(module):
        _add(library.name, library.module, library.hooks, provider)
    else:
        version = getattr(module, "__version__", "")
        guard.warn(
            f"{library.name}.version",
            f"version {version} is none of those that tracekit knows ({library.range}): "
            "its calls are not traced",
        )


class _Turns(threading.local):
    """What this thread puts in next: an adapter's own imports may bring another library along."""

    def __init__(self) -> None:
        self.is_busy = False
        self.waiting: deque[Callable[[], None]] = deque()


_turns = _Turns()


def _add(name: str, module: str, hooks: str, *arguments: TracerProvider) -> None:
    with _lock:
        if name in _claimed:
            return
        _claimed.add(name)
        begun = _round
    _turns.waiting.append(lambda: _put_in(begun, name, module, hooks, *arguments))
    if _turns.is_busy:
        return
    _turns.is_busy = True
    try:
        while _turns.waiting:
            _turns.waiting.popleft()()
    finally:
        _turns.is_busy = False


def _put_in(begun: int, name: str, module: str, hooks: str, *arguments: TracerProvider) -> None:
    # Without the lock: hooks are imported here, and another thread's import may be waiting for it.
    adapter: Adapter | None = None
    try:
        adapter = getattr(importlib.import_module(module), hooks)(*arguments)
        adapter.install()
    except Exception as error:  # a library we do not know must not stop the host
        guard.fault(f"{name}.install", error)
        if adapter is not None:
            _remove(adapter)
        return
    with _lock:
        if begun == _round:
            _installed.append(adapter)
            return
    _remove(adapter)  # everything was taken out while another thread imported this


def _remove(adapter: Adapter) -> None:
    try:
        adapter.uninstall()
    except Exception as error:
        guard.fault("clients.uninstall", error)

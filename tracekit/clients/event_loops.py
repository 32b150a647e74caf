"""The connect scope for asyncio, and for uvloop where it is loaded.

The thread that resolves a name for a loop knows nothing of the request, so the coroutine is timed.
An attempt that happy eyeballs gives up on ends here as ``cancelled``.
"""

from __future__ import annotations

import asyncio
import functools
from asyncio import selector_events
from collections.abc import Callable, Coroutine
from time import perf_counter_ns
from typing import Any

from opentelemetry.trace import TracerProvider

from tracekit.clients import connect_scope
from tracekit.clients.connect_scope import looked_up, tried
from tracekit.clients.patching import Patches
from tracekit.phases import ConnectionPhases

_Method = Callable[..., Coroutine[Any, Any, Any]]


class EventLoopHooks:
    """The hooks on the event loops' name look-up and connect."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on the base of all loops and on the selector loop."""
        self._patches.wrap(asyncio.BaseEventLoop, "getaddrinfo", _getaddrinfo)
        self._patches.wrap(selector_events.BaseSelectorEventLoop, "sock_connect", _sock_connect)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()


class UvloopHooks:
    """The same on uvloop, which connects below Python."""

    def __init__(self, _provider: TracerProvider) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on its loop."""
        from uvloop import Loop

        self._patches.wrap(Loop, "getaddrinfo", _getaddrinfo)
        self._patches.wrap(Loop, "sock_connect", _sock_connect)
        self._patches.wrap(Loop, "create_connection", _create_connection)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()


def _scope() -> ConnectionPhases | None:
    record = connect_scope.current.get()
    return record if record is not None and record.connecting else None


def _getaddrinfo(original: _Method) -> _Method:
    @functools.wraps(original)
    def getaddrinfo(loop: Any, host: Any, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        record = _scope()
        looking = original(loop, host, *args, **kwargs)
        return looking if record is None else _look_up(record, host, looking)

    return getaddrinfo


async def _look_up(record: ConnectionPhases, host: Any, looking: Coroutine[Any, Any, Any]) -> Any:
    start = perf_counter_ns()
    try:
        found = await looking
    except BaseException as error:
        if record.connecting:
            looked_up(record, host, start, error=error)
        raise
    # aiohttp lets a look-up go on for others when the call that began it has been cancelled.
    if record.connecting:
        looked_up(record, host, start, found)
    return found


def _sock_connect(original: _Method) -> _Method:
    @functools.wraps(original)
    def sock_connect(loop: Any, sock: Any, address: Any) -> Coroutine[Any, Any, Any]:
        record = _scope()
        connecting = original(loop, sock, address)
        return connecting if record is None else _try(record, address, connecting)

    return sock_connect


def _create_connection(original: _Method) -> _Method:
    # uvloop connects below Python; its callers give it one address at a time.
    @functools.wraps(original)
    def create_connection(
        loop: Any, protocol_factory: Any, host: Any = None, port: Any = None, **kwargs: Any
    ) -> Coroutine[Any, Any, Any]:
        record = _scope()
        connecting = original(loop, protocol_factory, host, port, **kwargs)
        if record is None or host is None:
            return connecting
        return _try(record, (host, port), connecting)

    return create_connection


async def _try(record: ConnectionPhases, address: Any, connecting: Coroutine[Any, Any, Any]) -> Any:
    start = perf_counter_ns()
    try:
        result = await connecting
    except BaseException as error:
        tried(record, address, start, error)
        raise
    tried(record, address, start)
    return result

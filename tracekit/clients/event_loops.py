"""The connect scope for asyncio, and for uvloop where it is loaded.

The thread that resolves a name for a loop knows nothing of the request, so the coroutine is timed.
An attempt that happy eyeballs gives up on ends here as ``cancelled``.
"""

from __future__ import annotations

import asyncio
import functools
from asyncio import selector_events
from collections.abc import Callable, Coroutine, Iterable
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
    async def getaddrinfo(loop: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
        record = _scope()
        if record is None:
            return await original(loop, host, *args, **kwargs)
        start = perf_counter_ns()
        try:
            found = await original(loop, host, *args, **kwargs)
        except BaseException as error:
            _looked_up(record, host, start, error=error)
            raise
        _looked_up(record, host, start, found)
        return found

    return getaddrinfo


def _looked_up(
    record: ConnectionPhases,
    host: Any,
    start: int,
    found: Iterable[Any] = (),
    error: BaseException | None = None,
) -> None:
    # aiohttp lets a look-up go on for others when the call that began it has been cancelled.
    if record.connecting:
        looked_up(record, host, start, found, error)


def _sock_connect(original: _Method) -> _Method:
    @functools.wraps(original)
    async def sock_connect(loop: Any, sock: Any, address: Any) -> Any:
        return await _try(address, original(loop, sock, address))

    return sock_connect


def _create_connection(original: _Method) -> _Method:
    # uvloop connects below Python; its callers give it one address at a time.
    @functools.wraps(original)
    async def create_connection(
        loop: Any, protocol_factory: Any, host: Any = None, port: Any = None, **kwargs: Any
    ) -> Any:
        connecting = original(loop, protocol_factory, host, port, **kwargs)
        return await (connecting if host is None else _try((host, port), connecting))

    return create_connection


async def _try(address: Any, connecting: Coroutine[Any, Any, Any]) -> Any:
    record = _scope()
    if record is None:
        return await connecting
    start = perf_counter_ns()
    try:
        result = await connecting
    except BaseException as error:
        tried(record, address, start, error)
        raise
    tried(record, address, start)
    return result

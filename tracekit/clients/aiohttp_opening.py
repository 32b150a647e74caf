"""Follow aiohttp's connector while it opens a connection: name look-up, connect, tunnel, TLS."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite, connect_scope
from tracekit.clients.connect_scope import looked_up, secured
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.phases import ConnectionPhases

_AGREED = 200
_CONNECT = "CONNECT"
_Method = Callable[..., Awaitable[Any]]


class OpeningHooks:
    """The hooks on connectors. The addresses tried are seen by the event loop's own hooks."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on the connectors' way of opening, the look-up of names and the CONNECT."""
        from aiohttp import ClientRequest, TCPConnector, UnixConnector

        self._patches.wrap(TCPConnector, "_create_connection", _create_connection)
        self._patches.wrap(UnixConnector, "_create_connection", _create_connection)
        self._patches.wrap(TCPConnector, "_resolve_host", _resolve_host)
        self._patches.wrap(ClientRequest, "send", _asking)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()


def _create_connection(original: _Method) -> _Method:
    @functools.wraps(original)
    async def create(connector: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        record = connect_scope.current.get()
        if record is None:
            return await original(connector, request, *args, **kwargs)
        _opening(record)
        protocol = None
        try:
            protocol = await original(connector, request, *args, **kwargs)
        finally:
            _opened(record, request, protocol)
        return protocol

    return create


@observer("aiohttp.opening")
def _opening(record: ConnectionPhases) -> None:
    now = perf_counter_ns()
    record.state = "new"
    record.connecting = True
    callsite.note(record)
    record.end("pool", now)
    record.begin("connect", now)


@observer("aiohttp.opened")
def _opened(record: ConnectionPhases, request: Any, protocol: Any) -> None:
    now = perf_counter_ns()
    record.connecting = False
    record.end("connect", now)
    reached = _reached(record)
    if reached is None or not request.is_ssl():
        return
    tunnel = record.marks.get("proxy")
    if tunnel is not None and tunnel[1] < 0:
        return  # it was the tunnel that failed
    record.begin("tls", reached if tunnel is None else tunnel[1])
    record.end("tls", now)
    record.derived = ("tls",)
    if protocol is not None:
        secured(record, protocol.transport.get_extra_info("ssl_object"))


def _resolve_host(original: _Method) -> _Method:
    @functools.wraps(original)
    async def resolve(connector: Any, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        record = connect_scope.current.get()
        if record is None or _is_cached(connector, host, port):
            return await original(connector, host, port, *args, **kwargs)
        start, found, failure = perf_counter_ns(), (), None
        try:
            found = await original(connector, host, port, *args, **kwargs)
        except BaseException as error:
            failure = error
            raise
        finally:
            _resolved(record, host, start, found, failure)
        return found

    return resolve


@observer("aiohttp.cached")
def _is_cached(connector: Any, host: str, port: int) -> bool:
    cache = connector._cached_hosts
    key = (host, port)
    return connector._use_dns_cache and key in cache and not cache.expired(key)


@observer("aiohttp.resolved")
def _resolved(
    record: ConnectionPhases, host: str, start: int, found: Any, error: BaseException | None
) -> None:
    # The loop's hook sees a look-up of our own in the system's resolver; not the wait for one that
    # another call has begun, nor a resolver that does without the loop's.
    if any(one.start >= start for one in record.lookups):
        return
    if error is None or isinstance(error, (OSError, asyncio.CancelledError)):
        looked_up(record, host, start, [(0, 0, 0, "", (one["host"],)) for one in found], error)


def _asking(original: _Method) -> _Method:
    @functools.wraps(original)
    def send(request: Any, connection: Any) -> Awaitable[Any]:
        if request.method == _CONNECT:
            _asked(connect_scope.current.get())
        return original(request, connection)

    return send


@observer("aiohttp.tunnel")
def _asked(record: ConnectionPhases | None) -> None:
    if record is not None and record.connecting:
        # Whatever came since the proxy was reached is the way to it: TLS, where it speaks that.
        record.begin("proxy", _reached(record) or perf_counter_ns())


def heard(response: Any, hearing: Awaitable[Any]) -> Awaitable[Any]:
    """Return what waits for the headers of *response*; those of a tunnel's end its phase."""
    record = connect_scope.current.get()
    return hearing if record is None or response.method != _CONNECT else _heard(record, hearing)


async def _heard(record: ConnectionPhases, hearing: Awaitable[Any]) -> Any:
    response = await hearing
    _answered(record, response)
    return response


@observer("aiohttp.tunnel")
def _answered(record: ConnectionPhases, response: Any) -> None:
    if response.status == _AGREED:  # else the phase stays open, as that of the error
        record.end("proxy", perf_counter_ns())


def _reached(record: ConnectionPhases) -> int | None:
    return max((one.end for one in record.attempts if one.outcome == "ok"), default=None)

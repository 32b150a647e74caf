"""Read httpcore's ``trace`` events into a record.

The names are the same for httpx and httpx2, sync and async, HTTP/1.1 and HTTP/2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite
from tracekit.clients.connect_scope import secured
from tracekit.clients.observing import observer
from tracekit.clients.registry import Connections
from tracekit.phases import ConnectionPhases

Trace = Callable[[str, dict[str, Any]], Any]


class Events:
    """Fills one record from the events of one request."""

    __slots__ = ("_connections", "_record", "stream")

    def __init__(self, record: ConnectionPhases, connections: Connections) -> None:
        self._record = record
        self._connections = connections
        self.stream: Any = None

    def sync_trace(self, foreign: Trace | None) -> Trace:
        """Return the ``trace`` extension for a sync client; *foreign* is the user's own, if any."""
        if foreign is None:
            return self.note

        def trace(name: str, info: dict[str, Any]) -> Any:
            self.note(name, info)
            return foreign(name, info)

        return trace

    def async_trace(self, foreign: Trace | None) -> Callable[..., Awaitable[None]]:
        """Return the ``trace`` extension for an async client."""

        async def trace(name: str, info: dict[str, Any]) -> None:
            self.note(name, info)
            if foreign is not None:
                await foreign(name, info)

        return trace

    @observer("httpx.trace")
    def note(self, name: str, info: dict[str, Any]) -> None:
        """Take one event."""
        part, _, event = name.partition(".")
        handle = _HANDLERS.get(event)
        if handle is None or (part.startswith("http") and _is_proxy_exchange(info)):
            return
        handle(self, perf_counter_ns(), info)

    def _opening(self, now: int, _info: dict[str, Any]) -> None:
        record = self._record
        record.end("pool", now)
        if not record.is_new:
            record.call_site = callsite.find()
        record.state = "new"
        record.connecting = True
        record.begin("connect", now)

    def _opened(self, now: int, info: dict[str, Any]) -> None:
        self._record.connecting = False
        self._record.end("connect", now)
        self._adopt(now, info["return_value"])

    def _not_opened(self, now: int, _info: dict[str, Any]) -> None:
        self._record.connecting = False
        self._record.end("connect", now)
        self._record.end("tls", now)

    def _securing(self, now: int, _info: dict[str, Any]) -> None:
        self._record.connecting = True
        self._record.begin("tls", now)

    def _secured(self, now: int, info: dict[str, Any]) -> None:
        record = self._record
        record.connecting = False
        record.end("tls", now)
        self._adopt(now, info["return_value"])
        if record.tls is None:
            secured(record, self.stream.get_extra_info("ssl_object"))

    def _adopt(self, now: int, stream: Any) -> None:
        self.stream = stream
        self._connections.opened(stream, now).peer = self._record.peer = peer_of(stream)

    def _sending(self, now: int, _info: dict[str, Any]) -> None:
        self._record.end("pool", now)
        self._record.begin("send", now)

    def _sent(self, now: int, _info: dict[str, Any]) -> None:
        self._record.end("send", now)
        self._record.begin("wait", now)

    def _answered(self, now: int, _info: dict[str, Any]) -> None:
        self._record.end("wait", now)


def peer_of(stream: Any) -> tuple[str, int] | None:
    """Return the address and port that httpcore's network *stream* really leads to."""
    address = stream.get_extra_info("server_addr")
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None


def _is_proxy_exchange(info: dict[str, Any]) -> bool:
    # A tunnel is asked for with the events of a request; those of the request itself follow.
    request = info.get("request")
    return request is not None and request.method == b"CONNECT"


_HANDLERS: dict[str, Callable[[Events, int, dict[str, Any]], None]] = {
    "connect_tcp.started": Events._opening,
    "connect_tcp.complete": Events._opened,
    "connect_tcp.failed": Events._not_opened,
    "connect_unix_socket.started": Events._opening,
    "connect_unix_socket.complete": Events._opened,
    "connect_unix_socket.failed": Events._not_opened,
    "start_tls.started": Events._securing,
    "start_tls.complete": Events._secured,
    "start_tls.failed": Events._not_opened,
    "send_request_headers.started": Events._sending,
    "send_request_headers.failed": Events._sent,
    "send_request_body.complete": Events._sent,
    "send_request_body.failed": Events._sent,
    "receive_response_headers.complete": Events._answered,
    "receive_response_headers.failed": Events._answered,
}

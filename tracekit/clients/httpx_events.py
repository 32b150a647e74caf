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

    __slots__ = ("_connections", "_is_tunnelling", "_record", "stream")

    def __init__(self, record: ConnectionPhases, connections: Connections) -> None:
        self._record = record
        self._connections = connections
        self._is_tunnelling = False
        self.stream: Any = None

    def sync_trace(self, foreign: Trace | None) -> Trace:
        """Return the ``trace`` extension for a sync client; *foreign* is the user's own, if any."""

        def trace(name: str, info: dict[str, Any]) -> Any:
            if name in _HANDLERS:
                self.note(name, info)
            return None if foreign is None else foreign(name, info)

        return trace

    def async_trace(self, foreign: Trace | None) -> Callable[..., Awaitable[None]]:
        """Return the ``trace`` extension for an async client."""

        async def trace(name: str, info: dict[str, Any]) -> None:
            if name in _HANDLERS:
                self.note(name, info)
            if foreign is not None:
                await foreign(name, info)

        return trace

    @observer("httpx.trace")
    def note(self, name: str, info: dict[str, Any]) -> None:
        """Take one event."""
        _HANDLERS[name](self, perf_counter_ns(), info)

    def _opening(self, now: int, _info: dict[str, Any]) -> None:
        record = self._record
        record.end("pool", now)
        callsite.note(record)
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
        opened = self._connections.opened(stream, now)
        opened.sock = stream.get_extra_info("socket")
        opened.meet(opened.sock)
        self._record.peer, self._record.local = opened.peer, opened.local

    def _asking(self, now: int, _info: dict[str, Any]) -> None:
        # TLS so far was the way to the proxy; what follows is with the server behind it.
        secured = self._record.marks.pop("tls", None)
        self._record.tls = self._record.handshake = None
        self._record.begin("proxy", now if secured is None else secured[0])

    def _asked(self, now: int, _info: dict[str, Any]) -> None:
        self._record.end("proxy", now)

    def _sending(self, now: int, info: dict[str, Any]) -> None:
        # A tunnel is asked for with the events of a request; those of the host's own follow.
        if info["request"].method == b"CONNECT":
            self._is_tunnelling = True
            self._asking(now, info)
            return
        record = self._record
        record.end("pool", now)
        callsite.note_wait(record, now - record.start)
        record.begin("send", now)

    def _sent(self, now: int, _info: dict[str, Any]) -> None:
        if not self._is_tunnelling:
            self._record.end("send", now)
            self._record.begin("wait", now)

    def _answered(self, now: int, info: dict[str, Any]) -> None:
        if self._is_tunnelling:
            self._is_tunnelling = False
            self._asked(now, info)
        else:
            self._record.end("wait", now)


Handler = Callable[[Events, int, dict[str, Any]], None]


def _handlers() -> dict[str, Handler]:
    """Return who takes which event, by its full name: most events are nobody's."""
    opening: dict[str, Handler] = {
        "started": Events._opening,
        "complete": Events._opened,
        "failed": Events._not_opened,
    }
    securing: dict[str, Handler] = {
        "started": Events._securing,
        "complete": Events._secured,
        "failed": Events._not_opened,
    }
    asking: dict[str, Handler] = {
        "started": Events._asking,
        "complete": Events._asked,
        "failed": Events._asked,
    }
    found = {f"socks.setup_socks5_connection.{when}": handle for when, handle in asking.items()}
    for way in ("connect_tcp", "connect_unix_socket"):
        for part in ("connection", "socks"):
            found.update({f"{part}.{way}.{when}": handle for when, handle in opening.items()})
    for part in ("connection", "proxy", "socks"):
        found.update({f"{part}.start_tls.{when}": handle for when, handle in securing.items()})
    for protocol in ("http11", "http2"):
        found[f"{protocol}.send_request_headers.started"] = Events._sending
        found[f"{protocol}.send_request_headers.failed"] = Events._sent
        found[f"{protocol}.send_request_body.complete"] = Events._sent
        found[f"{protocol}.send_request_body.failed"] = Events._sent
        found[f"{protocol}.receive_response_headers.complete"] = Events._answered
        found[f"{protocol}.receive_response_headers.failed"] = Events._answered
    return found


_HANDLERS = _handlers()

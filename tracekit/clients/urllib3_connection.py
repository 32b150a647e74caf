"""Follow a urllib3 connection: opening it, sending the request, waiting for the headers."""

from __future__ import annotations

import functools
import http.client
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite, connect_scope, sending
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Connections
from tracekit.phases import ConnectionPhases


class ConnectionHooks:
    """The hooks on ``urllib3.connection`` and on ``http.client`` below it.

    Methods are hooked, not the pool's ``ConnectionCls``: pools with a class of their own (boto3's)
    inherit from these.
    """

    def __init__(self) -> None:
        self._patches = Patches()
        self._connections = Connections()

    def install(self) -> None:
        """Put hooks on connect, request and the response's headers."""
        from urllib3.connection import HTTPConnection, HTTPSConnection

        self._patches.wrap(HTTPConnection, "connect", self._connect)
        if HTTPSConnection is not HTTPConnection:
            self._patches.wrap(HTTPSConnection, "connect", self._connect)
        self._patches.wrap(HTTPConnection, "request", self._request)
        # urllib3's own getresponse also reads a preloaded body; this one stops at the headers.
        self._patches.wrap(http.client.HTTPConnection, "getresponse", _getresponse)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()

    def _connect(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def connect(connection: Any) -> None:
            record = connect_scope.current.get()
            if record is None:
                original(connection)
                return
            _opening(record)
            try:
                original(connection)
            except BaseException as error:
                _opened(record, connection, error)
                raise
            _opened(record, connection)
            self._register(connection)

        return connect

    @observer("urllib3.register")
    def _register(self, connection: Any) -> None:
        self._connections.opened(connection.sock, perf_counter_ns()).meet(connection.sock)

    def _request(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def request(connection: Any, *args: Any, **kwargs: Any) -> None:
            record = connect_scope.current.get()
            if record is None:
                original(connection, *args, **kwargs)
                return
            start = perf_counter_ns()
            try:
                original(connection, *args, **kwargs)
            except BaseException as error:
                self._sent(record, connection, start, error)
                raise
            self._sent(record, connection, start)

        return request

    @observer("urllib3.sent")
    def _sent(
        self,
        record: ConnectionPhases,
        connection: Any,
        start: int,
        error: BaseException | None = None,
    ) -> None:
        now = perf_counter_ns()
        around = sending.current.get()
        if connection.sock is None or around is None or around.call is None:
            return
        record.begin("send", start)
        record.end("send", now)
        # Even after a broken pipe urllib3 looks for a response.
        record.begin("wait", now)
        used = self._connections.use(connection.sock, record, start)
        used.probe(connection.sock, record)
        around.call.connection = used


@observer("urllib3.opening")
def _opening(record: ConnectionPhases) -> None:
    record.state = "new"
    record.connecting = True
    record.call_site = callsite.find()
    record.begin("connect", perf_counter_ns())


@observer("urllib3.opened")
def _opened(record: ConnectionPhases, connection: Any, error: BaseException | None = None) -> None:
    now = perf_counter_ns()
    record.connecting = False
    record.end("connect", now)
    reached = record.attempts and record.attempts[-1].outcome == "ok"
    if reached and hasattr(connection, "assert_fingerprint"):  # only HTTPSConnection has it
        tunnel = record.marks.get("proxy")
        record.begin("tls", record.attempts[-1].end if tunnel is None else tunnel[1])
        record.end("tls", now)
        record.derived = ("tls",)
    if error is not None:
        record.error = type(error).__qualname__


def _getresponse(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getresponse(connection: Any, *args: Any, **kwargs: Any) -> Any:
        record = connect_scope.current.get()
        if record is None:
            return original(connection, *args, **kwargs)
        try:
            response = original(connection, *args, **kwargs)
        except BaseException as error:
            _answered(record, None, error)
            raise
        _answered(record, response)
        return response

    return getresponse


@observer("urllib3.answered")
def _answered(record: ConnectionPhases, response: Any, error: BaseException | None = None) -> None:
    now = perf_counter_ns()
    record.end("wait", now)
    if error is not None:
        record.error = type(error).__qualname__
        return
    record.status = response.status
    record.protocol = "1.0" if response.version == 10 else "1.1"
    record.begin("receive", now)

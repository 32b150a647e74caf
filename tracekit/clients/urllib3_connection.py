"""Follow a urllib3 connection: opening it, sending the request, waiting for the headers."""

from __future__ import annotations

import functools
import http.client
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite, connect_scope, sending, tunnels
from tracekit.clients.call import Call
from tracekit.clients.http_client_exchange import is_pooled
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Connections
from tracekit.phases import ConnectionPhases

LIBRARY = "urllib3"


class ConnectionHooks:
    """The hooks on ``urllib3.connection`` and on ``http.client`` below it.

    Methods are hooked, not the pool's ``ConnectionCls``: pools with a class of their own (boto3's)
    inherit from these.
    """

    def __init__(self) -> None:
        self._patches = Patches()
        self._connections = Connections()
        self._hooked: Any = None

    def install(self) -> None:
        """Put hooks on connect, on the beginning of a request and on the response's headers."""
        from urllib3.connection import HTTPConnection, HTTPSConnection

        self._patches.wrap(HTTPConnection, "connect", self._connect)
        if HTTPSConnection is not HTTPConnection:
            self._patches.wrap(HTTPSConnection, "connect", self._connect)
        if tunnels.METHOD in vars(HTTPConnection):
            self._patches.wrap(HTTPConnection, tunnels.METHOD, tunnels.tunnelling)
        self._patches.wrap(HTTPConnection, "putrequest", self._putrequest)
        self._hooked = HTTPConnection.putrequest
        # urllib3's own getresponse also reads a preloaded body; this one stops at the headers.
        self._patches.wrap(http.client.HTTPConnection, "getresponse", _getresponse)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()

    def are_on(self, connection_class: Any) -> bool:
        """Tell whether connections of this class begin a request where headers can be added."""
        return getattr(connection_class, "putrequest", None) is self._hooked

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
            self._register(record, connection)

        return connect

    @observer("urllib3.register")
    def _register(self, record: ConnectionPhases, connection: Any) -> None:
        now = perf_counter_ns()
        self._connections.opened(connection.sock, now).meet(connection.sock)
        if "send" in record.marks:  # http.client connects once the request is begun
            record.begin("send", now)
            self._identify(record, connection, now)

    def _putrequest(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def putrequest(connection: Any, *args: Any, **kwargs: Any) -> None:
            original(connection, *args, **kwargs)
            around = sending.current.get()
            if around is not None and around.call is not None and not around.call.done:
                self._begun(connection, around.call)

        return putrequest

    @observer("urllib3.begun")
    def _begun(self, connection: Any, call: Call) -> None:
        now = perf_counter_ns()
        call.record.begin("send", now)
        if connection.sock is not None:
            self._identify(call.record, connection, now)
        carrier, call.carrier = call.carrier, None
        for name, value in (carrier or {}).items():
            # urllib3's own does the same and takes twice as long.
            http.client.HTTPConnection.putheader(connection, name, value)

    def _identify(self, record: ConnectionPhases, connection: Any, now: int) -> None:
        around = sending.current.get()
        if around is not None and around.call is not None:
            around.call.connection = self._connections.use(connection.sock, record, now)


@observer("urllib3.opening")
def _opening(record: ConnectionPhases) -> None:
    record.state = "new"
    record.connecting = True
    callsite.note(record)
    record.begin("connect", perf_counter_ns())


@observer("urllib3.opened")
def _opened(record: ConnectionPhases, connection: Any, error: BaseException | None = None) -> None:
    now = perf_counter_ns()
    record.connecting = False
    record.end("connect", now)
    reached = record.attempts and record.attempts[-1].outcome == "ok"
    tunnel = record.marks.get("proxy")
    is_refused = tunnel is not None and error is not None and record.handshake is None
    # Only HTTPSConnection has fingerprints.
    if reached and not is_refused and hasattr(connection, "assert_fingerprint"):
        record.begin("tls", record.attempts[-1].end if tunnel is None else tunnel[1])
        record.end("tls", now)
        record.derived = ("tls",)
    if error is not None:
        record.error = type(error).__qualname__
        record.marks.pop("send", None)


def _getresponse(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getresponse(connection: Any, *args: Any, **kwargs: Any) -> Any:
        record = connect_scope.current.get()
        if record is None or record.library != LIBRARY or not is_pooled(connection):
            return original(connection, *args, **kwargs)
        _sent(record)
        try:
            response = original(connection, *args, **kwargs)
        except BaseException as error:
            _answered(record, connection, error=error)
            raise
        _answered(record, connection, response)
        return response

    return getresponse


@observer("urllib3.sent")
def _sent(record: ConnectionPhases) -> None:
    now = perf_counter_ns()
    record.end("send", now)
    record.begin("wait", now)


@observer("urllib3.answered")
def _answered(
    record: ConnectionPhases,
    connection: Any,
    response: Any = None,
    error: BaseException | None = None,
) -> None:
    now = perf_counter_ns()
    record.end("wait", now)
    around = sending.current.get()
    if around is not None and around.call is not None and around.call.connection is not None:
        around.call.connection.probe(connection.sock, record)
    if error is not None:
        record.error = type(error).__qualname__
        return
    record.status = response.status
    record.protocol = "1.0" if response.version == 10 else "1.1"
    record.begin("receive", now)

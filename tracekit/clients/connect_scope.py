"""See every name look-up, address and handshake of the call that is going on, in any client.

``socket.getaddrinfo``, ``socket.socket.connect`` and ``ssl.SSLSocket.do_handshake`` are where all
synchronous clients meet. Outside a traced call the hooks return at once.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import ssl
from bisect import insort
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from operator import attrgetter
from time import perf_counter_ns
from typing import Any

from tracekit import attributes as names
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.phases import Attempt, ConnectionPhases, Lookup

current: ContextVar[ConnectionPhases | None] = ContextVar("tracekit_connect_scope", default=None)
"""The record of the outgoing call that this context is making."""


class SocketHooks:
    """The hooks on Python's own sockets."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on name look-up, connect and TLS handshake."""
        self._patches.wrap(socket, "getaddrinfo", _getaddrinfo)
        self._patches.wrap(socket.socket, "connect", _connect)
        self._patches.wrap(ssl.SSLSocket, "do_handshake", _do_handshake)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()


def _getaddrinfo(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        record = current.get()
        if record is None or not record.connecting:
            return original(host, *args, **kwargs)
        start = perf_counter_ns()
        try:
            found = original(host, *args, **kwargs)
        except BaseException as error:
            looked_up(record, host, start, error=error)
            raise
        looked_up(record, host, start, found)
        return found

    return getaddrinfo


def _connect(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def connect(sock: socket.socket, address: Any) -> None:
        record = current.get()
        # A non-blocking connect does not know its outcome: the event loop's hook sees that one.
        if record is None or not record.connecting or sock.gettimeout() == 0:
            original(sock, address)
            return
        start = perf_counter_ns()
        try:
            original(sock, address)
        except BaseException as error:
            tried(record, address, start, error)
            raise
        tried(record, address, start)

    return connect


def _do_handshake(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def do_handshake(sock: ssl.SSLSocket, *args: Any, **kwargs: Any) -> None:
        record = current.get()
        if record is None or not record.connecting:
            original(sock, *args, **kwargs)
            return
        record.handshake = perf_counter_ns()
        original(sock, *args, **kwargs)
        secured(record, sock)

    return do_handshake


@observer("clients.dns")
def looked_up(
    record: ConnectionPhases,
    host: Any,
    start: int,
    found: Iterable[Any] = (),
    error: BaseException | None = None,
) -> None:
    """Note a finished look-up; *found* is what ``getaddrinfo`` returned."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    addresses = tuple(dict.fromkeys(str(row[4][0]) for row in found))
    if name in addresses:  # an address was given: nothing had to be looked up
        return
    problem = "" if error is None else outcome_of(error)
    record.lookups.append(Lookup(name, start, perf_counter_ns(), addresses, problem))


@observer("clients.connect")
def tried(
    record: ConnectionPhases, address: Any, start: int, error: BaseException | None = None
) -> None:
    """Note an address that was tried; *address* is what ``connect`` was given."""
    host = str(address[0]) if isinstance(address, tuple) else str(address)
    outcome = "ok" if error is None else outcome_of(error)
    attempt = Attempt(host, start, perf_counter_ns(), outcome)
    # Happy eyeballs: the address tried first ends after the one that won.
    insort(record.attempts, attempt, key=attrgetter("start"))


@observer("clients.tls")
def secured(record: ConnectionPhases, connection: Any) -> None:
    """Note what was agreed; *connection* is an SSLSocket, SSLObject or the like."""
    cipher = connection.cipher()
    agreed = {
        names.TLS_VERSION: (connection.version() or "").removeprefix("TLSv"),
        names.TLS_CIPHER: cipher[0] if cipher else None,
        names.TLS_ALPN: connection.selected_alpn_protocol(),
        names.TLS_RESUMED: connection.session_reused,
    }
    record.tls = {name: value for name, value in agreed.items() if value not in (None, "")}


def outcome_of(error: BaseException) -> str:
    """Return ``timeout``, ``cancelled``, the errno's name, or the exception's class."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, asyncio.CancelledError):
        return "cancelled"
    if isinstance(error, socket.gaierror):
        return _GAI_NAMES.get(error.errno or 0, "EAI")
    number = getattr(error, "errno", None)
    return errno.errorcode.get(number or 0, type(error).__name__)


_GAI_NAMES = {value: name for name, value in vars(socket).items() if name.startswith("EAI_")}

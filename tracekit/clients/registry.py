"""Who is who: connections and clients, remembered as long as the library keeps them."""

from __future__ import annotations

import itertools
import os
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from tracekit import in_loop
from tracekit.clients.tcp_info import tcp_info
from tracekit.phases import CallSite, ConnectionPhases

_MILLISECOND = 1_000_000
_numbers = itertools.count(1)


class Connection:
    """One connection; *opened* is None when it is older than tracekit's hooks."""

    __slots__ = (
        "busy",
        "id",
        "last_used",
        "local",
        "opened",
        "peer",
        "retransmits",
        "sock",
        "uses",
    )

    def __init__(self, opened: int | None) -> None:
        # The process id keeps ids apart after a fork.
        self.id = f"{os.getpid()}-{next(_numbers)}"
        self.opened = opened
        self.last_used: int | None = None
        self.local: tuple[str, int] | None = None
        self.peer: tuple[str, int] | None = None
        self.retransmits = 0
        self.sock: Any = None
        """The socket itself, where the adapter's key is something that holds it."""
        self.uses = 0
        self.busy = 0
        """How many calls are on it now: HTTP/2 carries several, and none of them finds it idle."""

    def meet(self, sock: Any) -> None:
        """Note both ends of *sock*, the first time; a Unix socket's are no addresses."""
        if self.peer is None:
            self.peer = _address(sock.getpeername())
            self.local = _address(sock.getsockname())

    def probe(self, sock: Any, record: ConnectionPhases) -> None:
        """Write on *record*, whose wait is over, how the kernel sees the connection fare.

        A reused connection is asked after a wait of a millisecond and more only: nothing that is
        sent again is answered sooner, and asking takes 3 µs.
        """
        wait = record.marks.get("wait")
        if not record.is_new and wait is not None and wait[1] - wait[0] < _MILLISECOND:
            return
        told = tcp_info(sock)
        if told is None:
            return
        record.rtt = told.rtt
        record.retransmits = max(0, told.retransmits - self.retransmits) or None
        self.retransmits = told.retransmits


def _address(name: Any) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None


class Connections:
    """The connections seen by one adapter, each by the object that stands for it."""

    def __init__(self) -> None:
        self._known: MutableMapping[Any, Connection] = WeakKeyDictionary()

    def opened(self, key: Any, at: int) -> Connection:
        """Remember a connection that has just been opened."""
        connection = self._known[key] = Connection(at)
        return connection

    def use(self, key: Any, record: ConnectionPhases, at: int) -> Connection:
        """Count one more call on the connection and write what is known about it on *record*."""
        connection = self._known.get(key)
        if connection is None:
            connection = self._known[key] = Connection(None)
        connection.uses += 1
        if not record.is_new:
            _describe_reuse(connection, record, at)
        connection.busy += 1
        record.connection_id = connection.id
        record.peer, record.local = connection.peer or record.peer, connection.local
        record.connection_use = connection.uses if connection.opened is not None else None
        return connection


def _describe_reuse(connection: Connection, record: ConnectionPhases, at: int) -> None:
    opened = connection.opened
    # HTTP/2: the call waited for a connection that another one was still opening.
    joined = opened is not None and opened > record.start and record.protocol == "2"
    record.state = "joined" if joined else "reused"
    if joined:
        record.inferred = ("state",)
    if opened is not None:
        record.connection_age = max(0, at - opened)
    if connection.last_used is not None and not connection.busy:
        record.connection_idle = max(0, at - connection.last_used)


class Client:
    """A client, session or pool: how it came to be, and how many calls it has served.

    It was *made* then, at that *site*, which took *setup* nanoseconds.
    """

    __slots__ = ("loop", "made", "served", "setup", "site")

    def __init__(self, made: int, setup: int, site: CallSite | None) -> None:
        self.made = made
        self.setup = setup
        self.site = site
        self.loop = in_loop.number()
        """The watched event loop whose thread made it, where one did."""
        self.served = 0

    def serve(self, record: ConnectionPhases, at: int) -> None:
        """Count one more call and write the client on *record*."""
        record.client_age = max(0, at - self.made)
        record.client_requests = self.served
        if not self.served:
            record.client_setup, record.client_loop = self.setup, self.loop
        record.client_site = self.site
        self.served += 1


class Clients:
    """The clients made since the hooks were installed. Of an older one nothing is claimed."""

    def __init__(self) -> None:
        self._known: MutableMapping[Any, Client] = WeakKeyDictionary()

    def made(self, client: Any, at: int, setup: int, site: CallSite | None) -> None:
        """Remember a client that has just been made, which took *setup* nanoseconds."""
        with suppress(TypeError):  # a client of the host's own that cannot be a key
            self._known[client] = Client(at, setup, site)

    def belongs(self, part: Any, client: Any) -> None:
        """Let *part*, a pool of *client*'s, count as the client itself."""
        whole = self._known.get(client)
        if whole is not None:
            self._known[part] = whole

    def get(self, client: Any) -> Client | None:
        """Return what is known about *client*."""
        try:
            return self._known.get(client)
        except TypeError:  # a transport of the host's own that cannot be a key
            return None

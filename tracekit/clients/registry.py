"""Who is who: connections and clients, remembered as long as the library keeps them."""

from __future__ import annotations

import itertools
import os
from collections.abc import MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

from tracekit.phases import CallSite, ConnectionPhases

_numbers = itertools.count(1)


class Connection:
    """One connection; *opened* is None when it is older than tracekit's hooks."""

    __slots__ = ("id", "last_used", "opened", "peer", "uses")

    def __init__(self, opened: int | None) -> None:
        # The process id keeps ids apart after a fork.
        self.id = f"{os.getpid()}-{next(_numbers)}"
        self.opened = opened
        self.last_used: int | None = None
        self.peer: tuple[str, int] | None = None
        self.uses = 0


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
        record.connection_id = connection.id
        record.connection_use = connection.uses if connection.opened is not None else None
        return connection


def _describe_reuse(connection: Connection, record: ConnectionPhases, at: int) -> None:
    opened = connection.opened
    # HTTP/2: the call waited for a connection that another one was still opening.
    joined = opened is not None and opened > record.start
    record.state = "joined" if joined else "reused"
    if opened is not None:
        record.connection_age = max(0, at - opened)
    if connection.last_used is not None:
        record.connection_idle = max(0, at - connection.last_used)


class Client:
    """A client, session or pool: how it came to be, and how many calls it has served.

    It was *made* then, at that *site*, which took *setup* nanoseconds.
    """

    __slots__ = ("made", "served", "setup", "site")

    def __init__(self, made: int, setup: int, site: CallSite | None) -> None:
        self.made = made
        self.setup = setup
        self.site = site
        self.served = 0

    def serve(self, record: ConnectionPhases, at: int) -> None:
        """Count one more call and write the client on *record*."""
        record.client_age = max(0, at - self.made)
        record.client_requests = self.served
        record.client_setup = None if self.served else self.setup
        record.client_site = self.site
        self.served += 1


class Clients:
    """The clients made since the hooks were installed. Of an older one nothing is claimed."""

    def __init__(self) -> None:
        self._known: MutableMapping[Any, Client] = WeakKeyDictionary()

    def made(self, client: Any, at: int, setup: int, site: CallSite | None) -> None:
        """Remember a client that has just been made, which took *setup* nanoseconds."""
        self._known[client] = Client(at, setup, site)

    def get(self, client: Any) -> Client | None:
        """Return what is known about *client*."""
        return self._known.get(client)

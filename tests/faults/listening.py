"""A listening socket that serves every connection from a thread of its own."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Any

from faults.delays import Delays


class Listener:
    """What the fault servers share; use it as a context manager and write ``serve``.

    ``accept_delay`` is how long a connection waits to be accepted, in seconds; ``delays`` says how
    long each delay really was.
    """

    def __init__(self, *, accept_delay: float = 0.0) -> None:
        self.delays = Delays()
        self.connections = 0
        self.closed = threading.Semaphore(0)
        """Up by one for every connection that the server has closed."""
        self._accept_delay = accept_delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def serve(self, connection: socket.socket) -> None:
        """Talk to one client until the connection is of no more use."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *tuple(self._open)):
            end(one)

    def _accept(self) -> None:
        with suppress(OSError, ValueError):
            while True:
                if self._accept_delay:
                    select.select([self._listener], [], [])
                    self.delays.pause("accept", self._accept_delay)
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            self.serve(connection)
        end(connection)
        self._open.discard(connection)
        self.closed.release()


def end(sock: socket.socket) -> None:
    """Close *sock* for good, whoever else waits on it."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()

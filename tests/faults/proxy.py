"""An HTTP proxy on a real socket: tunnels for CONNECT, requests passed on for anything else."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from faults.listening import Listener, end


class Proxy(Listener):
    """Waits *delay* seconds before it opens a tunnel; ``asked`` are the first lines it was sent."""

    def __init__(self, *, delay: float = 0.0) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._delay = delay

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        line, _, rest = _head(connection).partition(b"\r\n")
        self.asked.append(line.decode("latin-1"))
        method, target, version = line.split(b" ")
        if method == b"CONNECT":
            self.delays.pause("proxy", self._delay)
            onward = self._reach(f"//{target.decode()}")
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            onward = self._reach(target.decode())
            path = urlsplit(target).path or b"/"
            onward.sendall(b" ".join((method, path, version)) + b"\r\n" + rest)
        self._join(connection, onward)

    def _join(self, connection: socket.socket, onward: socket.socket) -> None:
        threading.Thread(target=_pass_on, args=(onward, connection), daemon=True).start()
        _pass_on(connection, onward)

    def _reach(self, url: str) -> socket.socket:
        parts = urlsplit(url)
        onward = socket.create_connection((parts.hostname, parts.port))
        onward.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(onward)
        return onward


def _head(connection: socket.socket) -> bytes:
    seen = b""
    while not seen.endswith(b"\r\n\r\n"):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError
        seen += data
    return seen


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    end(sink)

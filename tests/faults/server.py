"""An HTTP server on a real socket that is slow, rude or broken in just the way it is asked to be.

The path says how: see ``_ROUTES``. Delays are the faults under test, not synchronisation.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""A key and a certificate for localhost and 127.0.0.1 that signs itself; of no use elsewhere."""
DELAY = 0.08


class Request(NamedTuple):
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    raw: list[str]
    """The headers' names as they were spelled, each as often as it came."""


class FaultServer:
    """Serves from its own threads; use it as a context manager.

    ``delay`` is what every slow route injects, in seconds. With ``tls`` it speaks HTTPS, and waits
    ``handshake_delay`` before it answers the client's hello.
    """

    def __init__(
        self, *, delay: float = DELAY, tls: bool = False, handshake_delay: float = 0.0
    ) -> None:
        self.delay = delay
        self.requests: list[Request] = []
        self.connections = 0
        self.released = threading.Event()
        self.arrived = threading.Semaphore(0)
        self._handshake_delay = handshake_delay
        self._context = _server_context() if tls else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://{host}:{self.port}{path}"

    def __enter__(self) -> FaultServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self._context is not None:
                time.sleep(self._handshake_delay)
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            incoming = connection.makefile("rb")
            while (request := _read(incoming)) is not None:
                self.requests.append(request)
                self.arrived.release()
                route = _ROUTES.get(request.path.partition("?")[0], _hello)
                if not route(self, request, connection):
                    break
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def _read(incoming: BinaryIO) -> Request | None:
    line = incoming.readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    raw: list[str] = []
    while (line := incoming.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        raw.append(name)
        headers[name.strip().lower()] = value.strip()
    incoming.read(int(headers.get("content-length", "0")))
    return Request(method, path, headers, raw)


def _head(status: str, **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _answer(out: socket.socket, body: bytes, status: str = "200 OK", **headers: object) -> bool:
    out.sendall(_head(status, Content_Length=len(body), **headers) + body)
    return True


def _hello(_server: FaultServer, request: Request, out: socket.socket) -> bool:
    return _answer(out, b"" if request.method == "HEAD" else b"hello")


def _headers(_server: FaultServer, request: Request, out: socket.socket) -> bool:
    return _answer(out, json.dumps(request.headers).encode())


def _slow_headers(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    time.sleep(server.delay)
    return _answer(out, b"hello")


def _slow_body(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(_head("200 OK", Content_Length=10) + b"hello")
    time.sleep(server.delay)
    out.sendall(b"world")
    return True


def _chunked(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(_head("200 OK", Transfer_Encoding="chunked") + b"5\r\nhello\r\n")
    time.sleep(server.delay)
    out.sendall(b"5\r\nworld\r\n0\r\n\r\n")
    return True


def _broken_off(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(_head("200 OK", Content_Length=10) + b"hello")
    return False


def _endless(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(_head("200 OK", Content_Length=1_000_000) + b"hello")
    server.released.wait()
    return False


def _hang(server: FaultServer, _request: Request, _out: socket.socket) -> bool:
    server.released.wait()
    return False


def _held(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    server.released.wait()
    return _answer(out, b"hello")


def _closing(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    _answer(out, b"hello", Connection="close")
    return False


def _redirect(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    return _answer(out, b"moved", "302 Found", Location="/")


def _failing(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    return _answer(out, b"broken", "500 Internal Server Error")


def _unavailable_once(server: FaultServer, request: Request, out: socket.socket) -> bool:
    if sum(one.path == request.path for one in server.requests) == 1:
        return _answer(out, b"later", "503 Service Unavailable")
    return _answer(out, b"hello")


def _dropped_once(server: FaultServer, request: Request, out: socket.socket) -> bool:
    if sum(one.path == request.path for one in server.requests) == 1:
        return False
    return _answer(out, b"hello")


_ROUTES: dict[str, Callable[[FaultServer, Request, socket.socket], bool]] = {
    "/headers": _headers,
    "/slow-headers": _slow_headers,
    "/slow-body": _slow_body,
    "/chunked": _chunked,
    "/broken-off": _broken_off,
    "/endless": _endless,
    "/hang": _hang,
    "/held": _held,
    "/closing": _closing,
    "/redirect": _redirect,
    "/failing": _failing,
    "/unavailable-once": _unavailable_once,
    "/dropped-once": _dropped_once,
}
"""Each answers one request and says whether the connection stays open."""

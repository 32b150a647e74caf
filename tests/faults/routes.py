"""The faults that a path asks for, by its first segment: ``ROUTES``.

Each route answers one request and says whether the connection stays open.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from faults.answers import answer, chunk, head
from faults.incoming import Request

if TYPE_CHECKING:
    from faults.server import FaultServer

Route = Callable[["FaultServer", Request, socket.socket], bool]
PIECES = (b"first", b"second", b"third", b"fourth", b"fifth")
PAUSES = (0.02, 0.02, 0.02, 0.15)
"""Between the pieces of ``/paused``: the last one is a stall."""


def route_of(path: str) -> Route:
    """Return the route of *path*; what no route is known for says hello."""
    return ROUTES.get("/" + path[1:].partition("?")[0].partition("/")[0], _hello)


def _hello(_server: FaultServer, request: Request, out: socket.socket) -> bool:
    return answer(out, b"" if request.method == "HEAD" else b"hello")


def _headers(_server: FaultServer, request: Request, out: socket.socket) -> bool:
    return answer(out, json.dumps(request.headers).encode())


def echoed(path: str) -> tuple[int, bytes]:
    """Return the status and body that ``/echo/<number>`` has: another one for every number."""
    number = int(path.rpartition("/")[2])
    return 404 if number % 5 == 0 else 200, path.encode() * (1 + number % 7)


def _echo(_server: FaultServer, request: Request, out: socket.socket) -> bool:
    status, body = echoed(request.path)
    return answer(out, body, f"{status} Whatever")


def _slow_headers(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    server.delays.pause("headers", server.delay)
    return answer(out, b"hello")


def _slow_body(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(head(Content_Length=10) + b"hello")
    server.delays.pause("body", server.delay)
    out.sendall(b"world")
    return True


def _chunked(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(head(Transfer_Encoding="chunked") + chunk(b"hello"))
    server.delays.pause("body", server.delay)
    out.sendall(chunk(b"world") + chunk(b""))
    return True


def _paused(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    first, *others = PIECES
    out.sendall(head(Transfer_Encoding="chunked"))
    server.delays.pause("first chunk", server.delay)
    out.sendall(chunk(first))
    for piece, pause in zip(others, PAUSES, strict=True):
        server.delays.pause("gaps", pause)
        out.sendall(chunk(piece) + (chunk(b"") if piece == PIECES[-1] else b""))
    return True


def _broken_off(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(head(Content_Length=10) + b"hello")
    return False


def _endless(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(head(Content_Length=1_000_000) + b"hello")
    server.released.wait()
    return False


def _endless_chunks(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    out.sendall(head(Transfer_Encoding="chunked") + chunk(b"hello"))
    server.released.wait()
    return False


def _hang(server: FaultServer, _request: Request, _out: socket.socket) -> bool:
    server.released.wait()
    return False


def _held(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    server.released.wait()
    return answer(out, b"hello")


def _closing(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    answer(out, b"hello", Connection="close")
    return False


def _closing_later(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    answer(out, b"hello")
    return False


def _reset(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    # Closed with nothing lingering, the kernel says RST, not FIN.
    out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(out.detach())
    return False


def _redirect(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    return answer(out, b"moved", "302 Found", Location="/")


def _elsewhere(server: FaultServer, _request: Request, out: socket.socket) -> bool:
    return answer(out, b"moved", "302 Found", Location=server.elsewhere)


def _unauthorized(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    asked = 'Digest realm="r", nonce="n", qop="auth"'
    return answer(out, b"who", "401 Unauthorized", WWW_Authenticate=asked)


def _failing(_server: FaultServer, _request: Request, out: socket.socket) -> bool:
    return answer(out, b"broken", "500 Internal Server Error")


def _is_first(server: FaultServer, request: Request) -> bool:
    return sum(one.path == request.path for one in server.requests) == 1


def _unavailable_once(server: FaultServer, request: Request, out: socket.socket) -> bool:
    if _is_first(server, request):
        return answer(out, b"later", "503 Service Unavailable")
    return answer(out, b"hello")


def _dropped_once(server: FaultServer, request: Request, out: socket.socket) -> bool:
    return False if _is_first(server, request) else answer(out, b"hello")


ROUTES: dict[str, Route] = {
    "/headers": _headers,
    "/echo": _echo,
    "/slow-headers": _slow_headers,
    "/slow-body": _slow_body,
    "/chunked": _chunked,
    "/paused": _paused,
    "/broken-off": _broken_off,
    "/endless": _endless,
    "/endless-chunks": _endless_chunks,
    "/hang": _hang,
    "/held": _held,
    "/closing": _closing,
    "/closing-later": _closing_later,
    "/reset": _reset,
    "/redirect": _redirect,
    "/elsewhere": _elsewhere,
    "/unauthorized": _unauthorized,
    "/failing": _failing,
    "/unavailable-once": _unavailable_once,
    "/dropped-once": _dropped_once,
}

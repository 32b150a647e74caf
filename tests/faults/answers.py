"""What a fault server writes: heads, whole answers, chunks."""

from __future__ import annotations

import socket


def head(status: str = "200 OK", **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(out: socket.socket, body: bytes, status: str = "200 OK", **headers: object) -> bool:
    """Send a whole response; true, because the connection stays open."""
    out.sendall(head(status, Content_Length=len(body), **headers) + body)
    return True


def chunk(data: bytes) -> bytes:
    """Return *data* as one chunk of a chunked body; the last one is empty."""
    return b"%x\r\n%s\r\n" % (len(data), data)

"""A SOCKS5 proxy on a real socket, without a password."""

from __future__ import annotations

import socket
import struct

from faults.proxy import Proxy

_NO_PASSWORD = b"\x05\x00"
_GRANTED = b"\x05\x00\x00\x01" + bytes(6)
_IPV4 = 1


class SocksProxy(Proxy):
    """Waits *delay* seconds before it opens a way; ``asked`` are the places it was asked for."""

    @property
    def url(self) -> str:
        return f"socks5://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        _version, methods = _exactly(connection, 2)
        _exactly(connection, methods)
        connection.sendall(_NO_PASSWORD)
        place = _place(connection)
        self.asked.append(place)
        self.delays.pause("proxy", self._delay)
        onward = self._reach(f"//{place}")
        connection.sendall(_GRANTED)
        self._join(connection, onward)


def _place(connection: socket.socket) -> str:
    """Return the host, by name or IPv4 address, and port that a request to connect names."""
    *_, kind = _exactly(connection, 4)
    if kind == _IPV4:
        host = socket.inet_ntoa(_exactly(connection, 4))
    else:
        host = _exactly(connection, _exactly(connection, 1)[0]).decode()
    (port,) = struct.unpack("!H", _exactly(connection, 2))
    return f"{host}:{port}"


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = connection.recv(count, socket.MSG_WAITALL)
    if len(data) < count:
        raise ConnectionError
    return data

"""An HTTP/2 server over TLS, as slow as it is asked to be. Needs the package ``h2``."""

from __future__ import annotations

import socket
import ssl

import h2.config
import h2.connection
import h2.events
from faults.listening import Listener
from faults.server import CERTIFICATE


class Http2Server(Listener):
    """Answers every request with ``hello``; waits *handshake_delay* seconds before TLS.

    ``/held`` has its body only after the next request on its connection has been answered.
    """

    def __init__(self, *, handshake_delay: float = 0.0) -> None:
        super().__init__()
        self._delay = handshake_delay
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(CERTIFICATE)
        # As servers do: who cannot speak HTTP/2 is turned away here.
        self._context.set_alpn_protocols(["h2"])

    def url(self, path: str = "/") -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def serve(self, connection: socket.socket) -> None:
        with self.delays.timed("handshake"):
            self.delays.pause("before handshake", self._delay)
            secure = self._context.wrap_socket(connection, server_side=True)
        with secure:
            _talk(secure)


def _talk(sock: ssl.SSLSocket) -> None:
    protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    protocol.initiate_connection()
    sock.sendall(protocol.data_to_send())
    held: list[int] = []
    while data := sock.recv(65536):
        for event in protocol.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                _answer(protocol, event, held)
        sock.sendall(protocol.data_to_send())


def _answer(
    protocol: h2.connection.H2Connection, event: h2.events.RequestReceived, held: list[int]
) -> None:
    protocol.send_headers(event.stream_id, [(":status", "200")])
    if dict(event.headers)[b":path"] == b"/held":
        held.append(event.stream_id)
        return
    for stream in (event.stream_id, *held):
        protocol.send_data(stream, b"hello", end_stream=True)
    held.clear()

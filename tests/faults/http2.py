"""An HTTP/2 server over TLS, as slow as it is asked to be. Needs the package ``h2``."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress

import h2.config
import h2.connection
import h2.events
from faults.server import CERTIFICATE


class Http2Server:
    """Answers every request with ``hello``; waits *handshake_delay* seconds before TLS."""

    def __init__(self, *, handshake_delay: float = 0.0) -> None:
        self._delay = handshake_delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(CERTIFICATE)
        self._context.set_alpn_protocols(["h2"])
        self.connections = 0

    def url(self, path: str = "/") -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}{path}"

    def __enter__(self) -> Http2Server:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        time.sleep(self._delay)
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as sock:
            protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
            protocol.initiate_connection()
            sock.sendall(protocol.data_to_send())
            while data := sock.recv(65536):
                for event in protocol.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        protocol.send_headers(event.stream_id, [(":status", "200")])
                        protocol.send_data(event.stream_id, b"hello", end_stream=True)
                sock.sendall(protocol.data_to_send())

"""An HTTP server on a real socket that is slow, rude or broken in just the way it is asked to be.

The path says how: see ``faults.routes``. Delays are the faults under test, not synchronisation.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from faults.incoming import Request, read_request
from faults.listening import Listener, end
from faults.routes import route_of

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""A key and a certificate for localhost and 127.0.0.1 that signs itself; of no use elsewhere."""
DELAY = 0.08


class FaultServer(Listener):
    """Serves from its own threads; use it as a context manager.

    ``delay`` is what every slow route injects, in seconds. With ``tls`` it speaks HTTPS, and waits
    ``handshake_delay`` before it answers the client's hello.
    """

    def __init__(
        self,
        *,
        delay: float = DELAY,
        tls: bool = False,
        handshake_delay: float = 0.0,
        accept_delay: float = 0.0,
    ) -> None:
        super().__init__(accept_delay=accept_delay)
        self.delay = delay
        self.requests: list[Request] = []
        self.released = threading.Event()
        self.arrived = threading.Semaphore(0)
        self._handshake_delay = handshake_delay
        self._context = _server_context() if tls else None

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://{host}:{self.port}{path}"

    def __exit__(self, *error: object) -> None:
        self.released.set()
        super().__exit__(*error)

    def serve(self, connection: socket.socket) -> None:
        if self._context is None:
            self._answer(connection)
            return
        with self.delays.timed("handshake"):
            self.delays.pause("before handshake", self._handshake_delay)
            secure = self._context.wrap_socket(connection, server_side=True)
        self._open.add(secure)
        try:
            self._answer(secure)
        finally:
            end(secure)
            self._open.discard(secure)

    def _answer(self, connection: socket.socket) -> None:
        incoming = connection.makefile("rb")
        with suppress(OSError, ValueError):
            while (request := read_request(incoming)) is not None:
                self.requests.append(request)
                self.arrived.release()
                if not route_of(request.path)(self, request, connection):
                    break
        with suppress(OSError):
            incoming.close()


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context

"""A server that gives raw answers, and one plain call of ``http.client``."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress


@contextmanager
def answering(*answers):
    """Serve one connection per answer; take its request, send these bytes, close."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with suppress(OSError):
                for one in answers:
                    accepted, _ = listener.accept()
                    with accepted:
                        accepted.recv(65536)
                        accepted.sendall(one)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
    thread.join(5)


def get(connection, path="/", **headers):
    connection.request("GET", path, headers=headers)
    return connection.getresponse()

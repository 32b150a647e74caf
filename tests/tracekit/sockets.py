"""Real servers on real sockets for the service side's tests."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import uvicorn


@contextmanager
def serving_asgi(app: Any) -> Iterator[int]:
    """Serve *app* with uvicorn; give its port. The socket listens before the server runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="h11", log_level="critical", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...


@contextmanager
def serving_wsgi(app: Any) -> Iterator[int]:
    """Serve *app* with wsgiref; give its port."""
    server = make_server("127.0.0.1", 0, app, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Client:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def get(
        self, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET"
    ) -> http.client.HTTPResponse:
        self.connection.request(method, path, headers=headers or {})
        return self.connection.getresponse()

    def close(self) -> None:
        self.connection.close()


def get(port: int, path: str = "/", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Make one request on a connection of its own; give status, headers (lower case) and body."""
    client = Client(port)
    response = client.get(path, {name.replace("_", "-"): value for name, value in headers.items()})
    body = response.read()
    client.close()
    return response.status, {k.lower(): v for k, v in response.getheaders()}, body


Behave = Callable[["Collector", BaseHTTPRequestHandler], None]


class Collector:
    """An OTLP/HTTP collector that behaves as told and keeps the bodies it accepted."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.requests: list[dict[str, str]] = []
        self.connections = 0
        self.script: list[Callable[[BaseHTTPRequestHandler], None]] = []
        """What to do with the next requests; afterwards they are accepted."""
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None

    def wait(self, bodies: int, timeout: float = 10.0) -> list[bytes]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.bodies) >= bodies, timeout), self.bodies
            return list(self.bodies)

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, timeout)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self._changed:
            self.requests.append({k.lower(): v for k, v in handler.headers.items()})
            self.requests[-1][":path"] = handler.path
            act = self.script.pop(0) if self.script else None
            self._changed.notify_all()
        if act is not None:
            act(handler)
            return
        with self._changed:
            self.bodies.append(body)
            self._changed.notify_all()
        answer(200)(handler)

    @contextmanager
    def listening(self, port: int = 0) -> Iterator[str]:
        """Listen on *port*, or on any; give the endpoint."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                collector.connections += 1
                super().setup()

            def do_POST(self) -> None:
                collector.handle(self)

            def log_message(self, *args: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def answer(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer *status* with an empty OTLP response."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "2", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"{}")

    return act


def drop(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

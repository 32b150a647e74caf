"""A websocket inside an HTTP/2 stream (RFC 8441), which no Python client library opens."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RemoteSettingsChanged, ResponseReceived, StreamReset
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, TextMessage

_STREAM = 1


class Http2Websocket:
    """One websocket on a connection of its own; *headers* are those of the answer."""

    def __init__(self, sock: socket.socket, path: str, headers: Mapping[str, str]) -> None:
        self._sock = sock
        self._http2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._frames = Connection(ConnectionType.CLIENT)
        self._texts: list[str] = []
        self.status = 0
        self.headers: dict[str, str] = {}
        self._http2.initiate_connection()
        self._until(RemoteSettingsChanged)  # it says whether the server knows of websockets
        self._open(path, headers)

    def _open(self, path: str, headers: Mapping[str, str]) -> None:
        asked = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "http",
            ":path": path,
            ":authority": "localhost",
            "sec-websocket-version": "13",
            **{name.lower(): value for name, value in headers.items()},
        }
        self._http2.send_headers(_STREAM, list(asked.items()))
        self._until(ResponseReceived)
        self.status = int(self.headers[":status"])

    def send(self, text: str) -> None:
        self._http2.send_data(_STREAM, self._frames.send(TextMessage(text)))
        self._flush()

    def recv(self) -> str:
        while not self._texts:
            self._until(DataReceived)
        return self._texts.pop(0)

    def close(self) -> None:
        self._http2.send_data(_STREAM, self._frames.send(CloseConnection(1000)))
        self._flush()

    def _until(self, kind: type[Event]) -> None:
        seen = False
        while not seen:
            self._flush()
            data = self._sock.recv(65536)
            assert data, f"closed before any {kind.__name__}"
            for event in self._http2.receive_data(data):
                assert not isinstance(event, StreamReset), event
                self._take(event)
                seen = seen or isinstance(event, kind)
        self._flush()

    def _take(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self.headers = dict(event.headers)
        elif isinstance(event, DataReceived):
            self._http2.acknowledge_received_data(event.flow_controlled_length, _STREAM)
            self._frames.receive_data(event.data)
            self._texts += [one.data for one in self._frames.events() if hasattr(one, "data")]

    def _flush(self) -> None:
        self._sock.sendall(self._http2.data_to_send())


@contextmanager
def connect_http2(port: int, path: str, headers: Mapping[str, str]) -> Iterator[Http2Websocket]:
    """Open a websocket; close it with code 1000 at the block's end."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        websocket = Http2Websocket(sock, path, headers)
        yield websocket
        if websocket.status == 200:
            websocket.close()

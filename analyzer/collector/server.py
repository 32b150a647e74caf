"""Run the collector: own the store, listen, end cleanly."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import uvicorn

from analyzer.collector.app import make_app
from analyzer.collector.writer import Writer
from analyzer.errors import BadInput, StoreBusy
from analyzer.render.safe import printable
from analyzer.store.local import LocalStore
from analyzer.store.opening import open_shared
from analyzer.store.owner import Owner, claim, release
from analyzer.store.remote import RemoteStore

GRACE = 10
"""Seconds that requests under way have to end once the collector is told to stop."""
BACKLOG = 2048


def serve(path: Path, host: str, port: int) -> None:
    """Serve the store at *path*, made if missing, until SIGTERM or SIGINT.

    Raises StoreBusy while another collector owns the store, BadInput for an address not to be had.
    """
    with _listening(host, port) as listener, _owning(path) as store:
        address = listener.getsockname()
        url = _url(address[0], address[1])
        claim(path, Owner(url, os.getpid()))
        try:
            _run(store, listener, f"tracekit collector on {url}, store {printable(store.name)}")
        finally:
            release(path)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise BadInput(f"cannot listen on {host}:{port}: {_reason(error)}.") from error
    with listener:
        yield listener


def _reason(error: OSError) -> str:
    # create_server adds the address, which our line has already, to the system's words.
    is_name = isinstance(error, socket.gaierror)
    return str(error.strerror) if is_name else os.strerror(error.errno or 0)


@contextmanager
def _owning(path: Path) -> Iterator[LocalStore]:
    with open_shared(path, create=True) as store:
        if isinstance(store, RemoteStore):
            raise StoreBusy(f"a collector serves this store already: {store.name}.")
        yield store


def _url(address: str, port: int) -> str:
    ip = ip_address(address)
    if ip.is_unspecified:
        ip = ip_address("127.0.0.1" if ip.version == 4 else "::1")
    return f"http://[{ip}]:{port}" if ip.version == 6 else f"http://{ip}:{port}"


def _run(store: LocalStore, listener: socket.socket, ready: str) -> None:
    writer = Writer()
    local_only = ip_address(listener.getsockname()[0]).is_loopback
    config = uvicorn.Config(
        make_app(store, writer, local_only=local_only),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)

    # For a signal that comes before uvicorn listens to it, and for the one that uvicorn raises
    # again when it is done, to end the process: we have a file to close.
    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        print(ready, flush=True)
        server.run(sockets=[listener])
    finally:
        writer.close()

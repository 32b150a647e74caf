"""Addresses that do not answer, and names that resolve to them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from faults.delays import Delays


def has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def first_address() -> str:
    """Return the address a dual-stack name would give first; 127.0.0.2 without IPv6."""
    return "::1" if has_ipv6_loopback() else "127.0.0.2"


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@contextmanager
def black_hole(address: str, port: int) -> Iterator[None]:
    """Let *address* take connections on *port* and never answer, as a dropped packet does.

    The kernel drops what does not fit into a listener's backlog, so a backlog of 0 is filled up.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(_family(address)))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket(_family(address)))
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield


Resolver = Callable[..., list[Any]]


def resolver(
    name: str, addresses: list[str], *, delay: float = 0.0, delays: Delays | None = None
) -> Resolver:
    """Return a ``getaddrinfo`` in which *name* has *addresses*, found after *delay* seconds.

    *delays* learns, as ``dns``, how long that really took.
    """
    original = socket.getaddrinfo
    seen = delays or Delays()

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        text = host.decode() if isinstance(host, bytes) else host
        if text != name:
            return original(host, port, *args, **kwargs)
        with seen.timed("dns"):
            time.sleep(delay)
            return [row for one in addresses for row in original(one, port, 0, socket.SOCK_STREAM)]

    return getaddrinfo

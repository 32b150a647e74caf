"""The fault of the story: a name with two addresses, of which the first never answers.

Where ``localhost`` means both ``::1`` and ``127.0.0.1``, the story uses it as it is. Where it does
not (as in many containers), the services give the name ``preprocessor.local`` two addresses by a
resolver of their own, which stands in for a dual-stack DNS. Where there is no IPv6 loopback at all,
a second IPv4 loopback address takes the part of ``::1``.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

GOOD = "127.0.0.1"
STAND_IN = "preprocessor.local"


class Fault(NamedTuple):
    """The name to call, its silent address, and a sentence on how that was arranged."""

    name: str
    silent: str
    explanation: str


def choose() -> Fault:
    """Return the truest form of the fault that this machine can show."""
    if not _can_bind("::1"):
        return Fault(
            STAND_IN,
            "127.0.0.2",
            "This machine has no IPv6 loopback: 127.0.0.2 takes the part of ::1, and a stand-in "
            f"resolver gives {STAND_IN} both addresses.",
        )
    if _addresses("localhost") == ["::1", GOOD]:
        return Fault("localhost", "::1", "localhost means ::1 and 127.0.0.1; ::1 is silent.")
    return Fault(
        STAND_IN,
        "::1",
        "localhost is not dual-stack here: a stand-in resolver gives "
        f"{STAND_IN} the addresses ::1 and 127.0.0.1; ::1 is silent.",
    )


def _addresses(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[4][0]) for address in found]


def _can_bind(address: str, port: int = 0) -> bool:
    try:
        with _socket_for(address) as listener:
            listener.bind((address, port))
    except OSError:
        return False
    return True


def _socket_for(address: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)


def free_port(*addresses: str) -> int:
    """Return a port that is free on every one of *addresses*, below the ephemeral range."""
    for _ in range(1000):
        port = random.randrange(20000, 30000)
        if all(_can_bind(address, port) for address in addresses):
            return port
    raise RuntimeError(f"no port is free on {' and '.join(addresses)}")


@contextmanager
def black_hole(address: str, port: int) -> Iterator[None]:
    """Make *address*:*port* take connections and never answer them, as a lost route does.

    A listener whose backlog is full drops the next caller's packets silently. No root is needed.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(_socket_for(address))
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(_socket_for(address))
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield


def install_resolver() -> None:
    """Give the stand-in name both addresses in this process, if the story needs one."""
    silent = os.environ.get("ASSISTANT_SILENT_ADDRESS")
    if os.environ.get("ASSISTANT_NAME") != STAND_IN or not silent:
        return
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != STAND_IN:
            return real(host, port, *args, **kwargs)
        return [
            found
            for address in (silent, GOOD)
            for found in real(address, port, 0, socket.SOCK_STREAM)
        ]

    socket.getaddrinfo = resolve

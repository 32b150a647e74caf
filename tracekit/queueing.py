"""How long a request waited before the application heard of it, as a proxy or the kernel tells."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any, NamedTuple

HEADERS = ("x-request-start", "x-queue-start")
"""What proxies write: the Unix time at which they took the request, in any unit."""

_STAMP = re.compile(r"(?:t=)?(\d{9,19})(?:\.(\d{1,9}))?")
_LONGEST = 600_000_000_000
"""Nanoseconds: a queue longer than that is a wrong clock."""
_LEAST = 5_000_000
"""Nanoseconds: the kernel counts in ticks of up to 4 ms."""
_OPTION: int | None = getattr(socket, "TCP_INFO", None)
_LAST_DATA_RECEIVED = struct.Struct("=52xI")  # tcpi_last_data_recv, in ms: linux/tcp.h
_SIZE = _LAST_DATA_RECEIVED.size


class Queued(NamedTuple):
    """Nanoseconds in the queue, and who says so (``tracekit.queue.source``)."""

    ns: int
    source: str


def told_by_proxy(headers: Mapping[str, Sequence[str]]) -> Queued | None:
    """Return what a proxy's header says; None without one, and for one that cannot be.

    Its clock and ours may differ: a time in the future counts as none.
    """
    for name in HEADERS:
        for text in headers.get(name, ()):
            taken = _unix_ns(text)
            waited = None if taken is None else time_ns() - taken
            if waited is not None and 0 < waited < _LONGEST:
                return Queued(waited, "x-request-start")
    return None


def told_by_kernel(sock: Any) -> Queued | None:
    """Return the age of the last segment that *sock* received; None where nobody knows (no Linux).

    Ask before the application runs. Below 5 ms it says nothing.
    """
    if _OPTION is None or sock is None:
        return None
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, _OPTION, _SIZE)
    except (OSError, AttributeError):  # a Unix socket, closed already, or none of Python's
        return None
    if len(told) < _SIZE:
        return None
    waited = _LAST_DATA_RECEIVED.unpack(told)[0] * 1_000_000
    return Queued(waited, "tcp_info") if _LEAST <= waited < _LONGEST else None


def _unix_ns(text: str) -> int | None:
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        return None
    whole, fraction = found[1], found[2] or ""
    # Seconds have 9 or 10 digits until the year 2286, milliseconds 12 or 13, and so on.
    for digits, unit in ((10, 10**9), (13, 10**6), (16, 10**3), (19, 1)):
        if len(whole) <= digits:
            return int(whole) * unit + int(fraction.ljust(9, "0")[:9] or 0) * unit // 10**9
    return None

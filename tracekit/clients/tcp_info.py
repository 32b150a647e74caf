"""Ask the kernel how a TCP connection fares. Linux alone answers."""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple

_OPTION: int | None = getattr(socket, "TCP_INFO", None)
_SIZE = 104
# tcpi_rtt in µs at 68, tcpi_total_retrans at 100: linux/tcp.h, which only ever grows at its end.
_read = struct.Struct("=68xI28xI").unpack


class TcpInfo(NamedTuple):
    """*rtt* is smoothed, in nanoseconds; *retransmits* counts since the connection was opened."""

    rtt: int
    retransmits: int


def tcp_info(sock: Any) -> TcpInfo | None:
    """Return what the kernel says about *sock*; None where it says nothing (no Linux, no TCP)."""
    if _OPTION is None:
        return None
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, _OPTION, _SIZE)
    except (OSError, AttributeError):  # closed already, a Unix socket, not a socket of Python's
        return None
    if len(told) < _SIZE:
        return None
    microseconds, retransmits = _read(told)
    return TcpInfo(microseconds * 1000, retransmits)

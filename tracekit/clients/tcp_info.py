"""Ask the kernel how a TCP connection fares. Linux alone answers."""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple

_OPTION: int | None = getattr(socket, "TCP_INFO", None)
_SIZE = 152
# tcpi_total_retrans at 100, tcpi_min_rtt in µs at 148: linux/tcp.h, which only ever grows at its
# end. Not tcpi_rtt, at 68: smoothed, it has the time in which the other side thought, because an
# answer acknowledges its question. Kernels before 4.6 have no shortest one, and tell nothing here.
_read = struct.Struct("=100xI44xI").unpack

_NEVER = 2**32 - 1
"""The shortest round trip of a connection that has had none."""


class TcpInfo(NamedTuple):
    """*rtt*: the shortest of late, in ns; *retransmits* counts since the connection was opened."""

    rtt: int | None
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
    retransmits, microseconds = _read(told)
    rtt = None if microseconds == _NEVER else microseconds * 1000
    return TcpInfo(rtt, retransmits)

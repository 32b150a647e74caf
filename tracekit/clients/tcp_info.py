"""Ask the kernel how a TCP connection fares. Linux alone answers."""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple

_OPTION: int | None = getattr(socket, "TCP_INFO", None)
_SIZE = 104
_RTT = 68  # tcpi_rtt, in µs
_RETRANSMITS = 100  # tcpi_total_retrans
_read = struct.Struct("=I").unpack_from


class TcpInfo(NamedTuple):
    """*rtt* is smoothed, in nanoseconds; *retransmits* counts since the connection was opened."""

    rtt: int
    retransmits: int


def tcp_info(sock: Any) -> TcpInfo | None:
    """Return what the kernel says about *sock*; None where it says nothing (no Linux, no TCP).

    The offsets are those of ``struct tcp_info`` in linux/tcp.h, which only ever grows at its end.
    """
    if _OPTION is None:
        return None
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, _OPTION, _SIZE)
    except (OSError, AttributeError):  # closed already, a Unix socket, not a socket of Python's
        return None
    if len(told) < _SIZE:
        return None
    return TcpInfo(_read(told, _RTT)[0] * 1000, _read(told, _RETRANSMITS)[0])

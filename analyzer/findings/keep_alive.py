"""Connections that died while nobody used them: how to tell, and how the two sides can agree. Pure.

A server may close an idle connection at the very moment a client takes it up again.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer import conventions
from analyzer.calls import Call
from analyzer.findings.wording import count
from analyzer.units import duration
from tracekit import attributes as a

AT_ONCE_NS = 1_000_000_000
"""A connection that is dead says so within a round trip; later it is the server that gave up."""
_DISCONNECTED = frozenset(
    {
        "BadStatusLine",
        "BrokenPipeError",
        "ClientOSError",
        "ConnectionAbortedError",
        "ConnectionClosedError",
        "ConnectionError",
        "ConnectionResetError",
        "ProtocolError",
        "ReadError",
        "RemoteDisconnected",
        "RemoteProtocolError",
        "ServerDisconnectedError",
        "WriteError",
    }
)


def dead_on_use(call: Call) -> bool:
    """Return whether *call* found the connection closed that was kept from an earlier call."""
    error = (call.text(a.ERROR_TYPE) or "").rpartition(".")[2]
    return (
        call.state == "reused"
        and not conventions.answered(call.node.span)
        and error in _DISCONNECTED
        and call.node.duration < AT_ONCE_NS
    )


def kept(call: Call) -> str:
    """Return how long the connection of *call* had been idle and how often used, as a phrase."""
    idle, use = call.number(a.CONNECTION_IDLE), call.number(a.CONNECTION_USE)
    before = f", idle for {duration(idle)}" if idle is not None else ""
    uses = f" and used {count(use - 1, 'time')} before" if use is not None and use > 1 else ""
    return f"a kept connection{before}{uses}"


def agree(call: Call) -> Iterator[str]:
    """Yield the lines that let the server keep *call*'s connection longer than its client does."""
    yield (
        f"let {call.peer} keep idle connections longer than its callers do: "
        "uvicorn --timeout-keep-alive 75, gunicorn --keep-alive 75"
    )
    seconds = max(1, (call.number(a.CONNECTION_IDLE) or 0) // 2_000_000_000)
    library = call.text(a.CLIENT_LIBRARY) or ""
    if library in ("httpx", "httpx2"):
        yield f"or {library}.Client(limits={library}.Limits(keepalive_expiry={seconds}))"
    elif library == "aiohttp":
        connector = f"aiohttp.TCPConnector(keepalive_timeout={seconds})"
        yield f"or aiohttp.ClientSession(connector={connector})"

"""How each client library is told to keep more connections."""

from __future__ import annotations

from analyzer.calls import Call
from tracekit import attributes as a

FEWEST = 10


def larger_pool(call: Call, at_once: int, *, waits: bool) -> tuple[str, ...]:
    """Return the lines that make the pool of *call*'s client large enough for *at_once* calls."""
    library = call.text(a.CLIENT_LIBRARY) or ""
    size = max(FEWEST, 2 * at_once)
    if library in ("httpx", "httpx2"):
        limits = f"{library}.Limits(max_connections={size})"
        return (f"{library}.Client(limits={limits})   # or AsyncClient", _UNREAD)
    if library == "aiohttp":
        connector = f"aiohttp.TCPConnector(limit={size})"
        return (f"aiohttp.ClientSession(connector={connector})", _UNREAD)
    if library in ("requests", "urllib3"):
        return (
            f"adapter = requests.adapters.HTTPAdapter(pool_maxsize={size})   # else 10",
            'session.mount("http://", adapter); session.mount("https://", adapter)',
            f"with urllib3 alone: urllib3.PoolManager(maxsize={size}, block=True)   # else 1",
            *((_UNREAD,) if waits else ()),
        )
    return (f"let the client keep {size} connections to this server",)


_UNREAD = "and read every response to its end, or close it: until then it holds its connection"

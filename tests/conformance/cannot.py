"""Which client cannot show what, and why: the cells of the grid that are not a tick."""

from __future__ import annotations

_SYNC = ("requests", "urllib3", "httpx", "httpx2", "http.client", "urllib.request")
_HTTPX = ("httpx", "httpx-async", "httpx2", "httpx2-async")
_STDLIB = ("http.client", "urllib.request")
_NO_POOL = "has no pool: each caller opens a connection"

REASONS = (
    (
        "hidden retry on a dropped connection",
        (*_HTTPX, *_STDLIB),
        "sends nothing again: the call fails, in `wait`",
    ),
    (
        "keep-alive dropped while idle",
        ("http.client",),
        "does not look before it sends: the call fails",
    ),
    ("redirect", ("http.client",), "follows no redirects"),
    ("pool of one, three callers", _STDLIB, _NO_POOL),
    ("pool discards", _HTTPX, "closes what is too much without a word"),
    ("pool discards", ("aiohttp",), "keeps every connection that it was let open"),
    ("pool discards", _STDLIB, _NO_POOL),
    (
        "HTTP/2 multiplexing",
        ("requests", "urllib3", "aiohttp", *_STDLIB),
        "speaks HTTP/1.1 alone",
    ),
    ("time-out in dns", _SYNC, "waits for the system's look-up, whatever its time-out"),
    ("time-out in pool", ("requests",), "waits for its pool without a time-out"),
    ("time-out in pool", _STDLIB, _NO_POOL),
    ("new connection, then reused", ("urllib.request",), "closes each connection after one call"),
)


def reason(scenario: str, client: str) -> str | None:
    """Return why *client* cannot show *scenario*; None if it can."""
    for name, clients, why in REASONS:
        if name == scenario and client in clients:
            return why
    return None

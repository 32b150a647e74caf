"""Phrases that several rules share: places, hosts, counts, and the client library's own words."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer import conventions
from analyzer.calls import Call
from analyzer.phases import Attempt
from analyzer.places import called_at
from tracekit import attributes as a

TIMEOUT, CANCELLED, REFUSED = "timeout", "cancelled", "ECONNREFUSED"
"""The outcomes of an address tried in vain that rules tell apart; all others are errno names."""


def first_place(calls: Sequence[Call]) -> str | None:
    """Return where the first call that says so was made."""
    return next((place for call in calls if (place := called_at(call))), None)


def count(number: int, one: str) -> str:
    """Return ``1 call``, ``3 calls``."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def host_of(call: Call) -> str:
    """Return the name that was looked up for the call, else what stood for it in the URL."""
    return call.text(a.DNS_HOST) or conventions.server_address(call.node.span) or call.peer


def outcome_of(attempt: Attempt) -> str:
    """Return what became of an address tried, as the verb of a sentence about it."""
    words = {TIMEOUT: "timed out", CANCELLED: "was given up", REFUSED: "was refused"}
    return words.get(attempt.outcome, f"failed ({attempt.outcome})")


def keep_connections(call: Call) -> tuple[str, ...]:
    """Return the lines that make *call*'s library keep its connections."""
    method = (conventions.method(call.node.span) or "get").lower()
    library = call.text(a.CLIENT_LIBRARY) or ""
    if library in ("httpx", "httpx2"):
        return _kept(
            (f"client = {library}.Client()", "once, at module level (or AsyncClient)"),
            (f"client.{method}(URL)", f"instead of {library}.{method}(URL)"),
        )
    if library == "aiohttp":
        return _kept(
            ("session = aiohttp.ClientSession()", "once, when the application starts"),
            (f"session.{method}(URL)", "instead of a session per call"),
        )
    if library in ("requests", "urllib3"):
        return (
            *_kept(
                ("session = requests.Session()", "once, at module level"),
                (f"session.{method}(URL)", f"instead of requests.{method}(URL)"),
            ),
            "with urllib3 alone: one urllib3.PoolManager(), at module level",
        )
    if library == "http.client":
        return (
            "urllib.request keeps no connection: session = requests.Session(), once,",
            f"then session.{method}(URL); or urllib3.PoolManager(), or one HTTPConnection",
        )
    return ("keep one client object for the life of the process and make every call with it",)


def _kept(*lines: tuple[str, str]) -> tuple[str, ...]:
    """Return lines of code with their comments in one column."""
    width = max(len(code) for code, _ in lines)
    return tuple(f"{code:<{width}}   # {comment}" for code, comment in lines)

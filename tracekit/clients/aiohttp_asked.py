"""What a host asks of an aiohttp session once: how many requests may come of it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from tracekit.clients.call import Call
from tracekit.clients.registry import Client
from tracekit.clients.sending import REDIRECTS, Sending

_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))


class Asked(Sending):
    """One call of ``ClientSession._request``: redirects and the silent retry are part of it.

    A span of OpenTelemetry's covers all of it, ours one request each: only the last request may
    be written on theirs.
    """

    __slots__ = ("method", "options", "origin", "retried")

    def __init__(
        self, session: Any, client: Client | None, method: str, options: dict[str, Any]
    ) -> None:
        super().__init__(session, client)
        self.method = method
        self.options = options
        self.origin: int | None = None
        self.retried = False

    def begin(self, call: Call) -> None:
        """Make *call* the next one; on a span of others all count from the start of the first."""
        super().begin(call)
        if call.owned:
            return
        if self.origin is None:
            self.origin = call.record.start
        call.record.start = self.origin

    def goes_on(self, status: int | None, headers: Any) -> bool:
        """Tell whether aiohttp will follow this response to another place."""
        follows = self.options.get("allow_redirects", True)
        elsewhere = "Location" in headers or "URI" in headers
        return bool(follows and status in REDIRECTS and elsewhere)

    def tries_again(self, error: BaseException) -> bool:
        """Tell whether aiohttp will send the request again after *error*; it does so once."""
        from aiohttp import (
            ClientConnectorError,
            ClientOSError,
            ConnectionTimeoutError,
            ServerDisconnectedError,
        )

        may = getattr(self.owner, "_retry_connection", True) and self.method.upper() in _IDEMPOTENT
        if self.retried or not may:
            return False
        if isinstance(error, (ClientConnectorError, ConnectionTimeoutError)):
            return False
        self.retried = isinstance(error, (ClientOSError, ServerDisconnectedError))
        return self.retried


current: ContextVar[Asked | None] = ContextVar("tracekit_aiohttp_asked", default=None)
"""Not the one of ``sending``: what a middleware sends with another client is no part of this."""

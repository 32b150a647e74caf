"""Refuse what a web page could send to a collector on its reader's own machine."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from analyzer.collector.messages import media_type, refused


class HostGuard:
    """Lets through requests whose Host is an address or ``localhost``.

    A page can make its own name resolve to 127.0.0.1 (DNS rebinding) and then read our answers; the
    Host header still carries that name. It is for a collector that listens on a loopback address.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Guard *app*."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not is_local(headers.get("host", "localhost")):
                media = media_type(headers.get("content-type", ""))
                response = refused(media, 403, "this collector is for its own machine only")
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_local(host: str) -> bool:
    """Return whether a Host header names an address, or localhost, rather than some domain."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() == "localhost":
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True

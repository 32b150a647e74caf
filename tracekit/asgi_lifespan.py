"""The lifespan of an ASGI application: it passes through, and its end saves the spans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracekit import clock, guard, lifecycle
from tracekit.asgi_types import App, Message, Receive, Scope, Send

_SECONDS = 1.5
"""The signal that follows, or the exit, wait too: together they stay below 5 seconds."""
_FIRST_SECONDS = 1.0
"""The part of it that the beginning of the shutdown may take: what comes later needs some too."""


class Lifespan:
    """Stands between server and application while the latter starts and stops.

    An application may leave in the middle of its shutdown, by ``os._exit``: so what waits is
    brought to safety as it begins, and what the shutdown itself has added as it ends.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._left = _SECONDS

    async def serve(self, app: App, scope: Scope) -> None:
        """Have *app* live its life."""
        await app(scope, self.receive, self.send)

    async def receive(self) -> Message:
        """Return the server's next message."""
        message = await self._receive()
        if message["type"] == "lifespan.shutdown":
            await self._within(lifecycle.secure, min(_FIRST_SECONDS, self._left))
        return message

    async def send(self, message: Message) -> None:
        """Give the server the application's *message*."""
        if message["type"] == "lifespan.shutdown.complete":
            await self._within(lifecycle.flush, self._left)
        await self._send(message)

    async def _within(self, save: Callable[[float], Any], seconds: float) -> None:
        """Do *save* beside the loop, in so many *seconds*, which are taken off what is left."""
        # Imported here: the import budget. A loop other than asyncio's leaves it to the exit.
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        began = clock.now()
        try:
            saved = loop.run_in_executor(None, save, seconds)
            await asyncio.wait((saved,), timeout=seconds)  # the pool may have no thread to spare
        except RuntimeError as error:
            guard.fault("asgi.flush", error)
        self._left = max(0.0, self._left - (clock.now() - began) / 1e9)

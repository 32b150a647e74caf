"""See a tunnel through a proxy being asked for, below every client built on ``http.client``."""

from __future__ import annotations

import functools
import http.client
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from tracekit.clients import connect_scope
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches
from tracekit.phases import ConnectionPhases

METHOD = "_tunnel"
"""Private, but what urllib3 calls as well; on some Pythons it brings one of its own."""


class TunnelHooks:
    """The hook on ``http.client``'s CONNECT."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put the hook in place; a Python that has no such method shows no tunnels."""
        if hasattr(http.client.HTTPConnection, METHOD):
            self._patches.wrap(http.client.HTTPConnection, METHOD, tunnelling)

    def uninstall(self) -> None:
        """Put the original back."""
        self._patches.restore()


def tunnelling(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap the method that asks for a tunnel."""

    @functools.wraps(original)
    def _tunnel(connection: Any, *args: Any, **kwargs: Any) -> None:
        record = connect_scope.current.get()
        if record is None or not record.connecting:
            original(connection, *args, **kwargs)
            return
        _asking(record)
        try:
            original(connection, *args, **kwargs)
        finally:
            _asked(record)

    return _tunnel


@observer("clients.tunnel")
def _asking(record: ConnectionPhases) -> None:
    # Whatever came since the proxy was reached is the way to it: TLS, where it speaks that.
    reached = record.attempts and record.attempts[-1].outcome == "ok"
    record.begin("proxy", record.attempts[-1].end if reached else perf_counter_ns())
    record.handshake = None


@observer("clients.tunnel")
def _asked(record: ConnectionPhases) -> None:
    record.end("proxy", perf_counter_ns())

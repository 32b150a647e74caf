"""Tell whether a request came on a fresh connection, by the port that its peer speaks from."""

from __future__ import annotations

import time
from contextlib import suppress

from tracekit import attributes as names
from tracekit.attributes import Values

_KEPT = 4096
_FORGOTTEN_AFTER = 600_000_000_000
"""Nanoseconds after which a port that comes again is a new connection: no server waits longer."""

Peer = tuple[object, object, object]
_seen: dict[Peer, tuple[int, int]] = {}


def use(peer: Peer) -> int:
    """Return how many requests have come from *peer* (its host, its port, our port), this included.

    An inference: the system gives ports to others later, and a proxy in front speaks for all of its
    clients. The 4096 peers heard of last are remembered.
    """
    now = time.monotonic_ns()
    count, last = _seen.pop(peer, (0, now))
    if now - last > _FORGOTTEN_AFTER:
        count = 0
    _seen[peer] = (count + 1, now)
    if len(_seen) > _KEPT:
        _forget_oldest()
    return count + 1


def describe(described: Values, peer: Peer) -> None:
    """Say in *described* what is inferred of the connection from *peer*."""
    count = use(peer)
    described[names.PEER_CONNECTION] = "new" if count == 1 else "reused"
    described[names.PEER_USE] = count


def _forget_oldest() -> None:
    with suppress(KeyError, RuntimeError, StopIteration):  # another thread was at it
        del _seen[next(iter(_seen))]

"""A connection pool of httpcore or httpcore2 that closes no connection somebody has begun to use.

A thread that looks through the pool can take a connection for idle that another has just been
given; the call then fails with "Bad file descriptor" or waits for its timeout, traced or not
(encode/httpcore#1110). What the kit asks of tracekit must not depend on that.
"""

from __future__ import annotations

from typing import Any


def spare_connections_in_use(pool: Any) -> None:
    """Connections that *pool* is about to close are kept if a request holds them."""
    close = pool._close_connections

    def close_unused(closing: list[Any]) -> None:
        held = {id(request.connection) for request in list(pool._requests)}
        with pool._optional_thread_lock:
            pool._connections.extend(one for one in closing if id(one) in held)
        close([one for one in closing if id(one) not in held])

    pool._close_connections = close_unused

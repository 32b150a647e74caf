"""A connection pool of httpcore that closes no connection somebody has begun to use.

A thread that looks through the pool can take a connection for idle that another has just been
given; the call then fails with "Bad file descriptor" or waits for its timeout, traced or not
(encode/httpcore#1110). What the kit asks of tracekit must not depend on that.
"""

from __future__ import annotations

from typing import Any


def spare_connections_in_use(pool: Any) -> None:
    """Connections that *pool* would close to make room are kept if a request holds them."""
    assign = pool._assign_requests_to_connections

    def assign_sparing() -> list[Any]:  # called with the pool's lock held
        closing = assign()
        held = {id(request.connection) for request in pool._requests}
        pool._connections.extend(one for one in closing if id(one) in held)
        return [one for one in closing if id(one) not in held]

    pool._assign_requests_to_connections = assign_sparing

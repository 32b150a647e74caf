"""What goes down to httpx's transports in place of the host's own request."""

from __future__ import annotations

from typing import Any

from tracekit.clients import headers


def twin(request: Any) -> Any:
    """Return a request of the same parts, for one hop alone.

    The host may be sending the very same request a second time meanwhile. ``copy.copy`` would leave
    out its body.
    """
    made = object.__new__(type(request))
    vars(made).update(vars(request))
    return made


def with_headers(given: Any, carrier: dict[str, str]) -> Any:
    """Return a copy of the *given* headers with those of *carrier*."""
    copy = given.copy()
    headers.put(copy, carrier)
    return copy


def proxy_of(transport: Any) -> str | None:
    """Return ``host:port`` of the proxy that *transport* sends through, if it does."""
    # Private, and the only place that knows; without it the call seems to go straight.
    url = getattr(getattr(transport, "_pool", None), "_proxy_url", None)
    return None if url is None else f"{url.host.decode('ascii')}:{url.port}"

"""Name what a call goes to, in the words of the semantic conventions and without secrets."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry.util.types import AttributeValue

from tracekit import attributes as names

_METHODS = frozenset(
    ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY")
)
_PORTS = {"http": 80, "https": 443}


def span_name(method: str) -> str:
    """Return the method, or ``HTTP`` for one that the conventions do not know."""
    method = method.upper()
    return method if method in _METHODS else "HTTP"


def describe(
    method: str, scheme: str, host: str, port: int | None, path: str
) -> dict[str, AttributeValue]:
    """Return the attributes of a request to *path* at *host*.

    *path* may be a whole URL, as sent to a forwarding proxy; then it names the target. Query,
    fragment and credentials are left out: tokens travel there.
    """
    if not path.startswith("/"):
        url = urlsplit(path)
        scheme, host, port, path = url.scheme or scheme, url.hostname or host, url.port, url.path
    path = path.partition("?")[0].partition("#")[0]
    upper = method.upper()
    origin, address, number = _origin(scheme, host, port)
    described: dict[str, AttributeValue] = {
        names.HTTP_METHOD: upper if upper in _METHODS else "_OTHER",
        names.SERVER_ADDRESS: address,
        names.URL_FULL: origin + path,
    }
    if number is not None:
        described[names.SERVER_PORT] = number
    return described


@lru_cache(maxsize=1024)
def _origin(scheme: str, host: str, port: int | None) -> tuple[str, str, int | None]:
    """Return the URL's beginning, the host without brackets, and the port that it means."""
    default = _PORTS.get(scheme)
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    authority = shown if port in (None, default) else f"{shown}:{port}"
    return f"{scheme}://{authority}", host.strip("[]"), port or default

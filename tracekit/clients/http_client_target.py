"""Tell where a request on an ``http.client`` connection goes, and through which proxy."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.util.types import AttributeValue

from tracekit.clients import target


def describe(connection: Any, method: str, url: str) -> dict[str, AttributeValue]:
    """Return the attributes of a request for *url*, which is a path unless a proxy is to see it."""
    host, port = _asked(connection)
    is_secure = connection.default_port == http.client.HTTPS_PORT
    path = url if url.startswith("/") or "://" in url else "/" + url.lstrip("*")
    return target.describe(method, "https" if is_secure else "http", host, port, path)


def proxy_of(connection: Any, url: str) -> str | None:
    """Return ``host:port`` of the proxy: whoever is connected to and is not who is asked."""
    at = f"{connection.host}:{connection.port}"
    if connection._tunnel_host:
        return at
    if url.startswith("/") or "://" not in url:
        return None
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    asked = f"{parts.hostname}:{port}"
    return None if asked == at.lower() else at


def _asked(connection: Any) -> tuple[str, int | None]:
    if connection._tunnel_host:
        return connection._tunnel_host, _number(connection._tunnel_port)
    return connection.host, _number(connection.port)


def _number(port: Any) -> int | None:
    # http.client takes a port as text as well.
    return None if port is None else int(port)

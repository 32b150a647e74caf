"""Read HTTP facts from a span under the current and the older attribute names. Pure.

Traces made elsewhere still carry the names from before the stable HTTP conventions
(``http.method``, ``http.url``, ``net.peer.name``); each function tries the current name first.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from analyzer.span import Attributes, Span, Status
from tracekit import attributes as a

_ONLY_A_METHOD = re.compile(r"(?:HTTP )?(_OTHER|HTTP|[A-Z]{3,10})")


def text(attributes: Attributes, *names: str) -> str | None:
    """Return the first of *names* that holds a non-empty string."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def number(attributes: Attributes, *names: str) -> int | None:
    """Return the first of *names* that holds an integer, also one written as text."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
            return int(value)
    return None


def method(span: Span) -> str | None:
    """Return the request's method."""
    return text(span.attributes, a.HTTP_METHOD, "http.method")


def status_code(span: Span) -> int | None:
    """Return the response's HTTP status."""
    return number(span.attributes, a.HTTP_STATUS, "http.status_code")


def answered(span: Span) -> bool:
    """Return whether this client span saw its server's answer."""
    return status_code(span) is not None or span.status is Status.OK


def path(span: Span) -> str | None:
    """Return the URL's path, never its query."""
    found = text(span.attributes, a.URL_PATH, "http.target")
    if found is None:
        url = _url(span)
        found = url.path if url is not None else None
    return found.split("?", 1)[0] or None if found else None


def server_address(span: Span) -> str | None:
    """Return the host name or address that a client span called."""
    named = text(span.attributes, a.SERVER_ADDRESS, "net.peer.name")
    if named is not None:
        return named
    url = _url(span)
    if url is not None and url.hostname:
        return url.hostname
    return text(span.attributes, a.PEER_ADDRESS, "net.peer.ip", "peer.hostname")


def server_port(span: Span) -> int | None:
    """Return the port that a client span called, where the span says it."""
    port = number(span.attributes, a.SERVER_PORT, "net.peer.port")
    if port is not None:
        return port
    try:
        url = _url(span)
        return url.port if url is not None else None
    except ValueError:
        return None


def target(span: Span) -> str | None:
    """Return ``server.address:port`` of a client span, or what is known of it."""
    address, port = server_address(span), server_port(span)
    if address is None:
        return text(span.attributes, "peer.service", "db.system.name", "db.system", "rpc.service")
    return address if port is None else f"{address}:{port}"


def display_name(span: Span) -> str:
    """Return the span's name; a bare method is completed with the route or the path."""
    if not _ONLY_A_METHOD.fullmatch(span.name):
        return span.name
    where = text(span.attributes, a.HTTP_ROUTE) or path(span)
    if where is None:
        return span.name
    # A websocket begins as a GET, and is none.
    verb = None if span.name == "WEBSOCKET" else method(span)
    return f"{verb or span.name.removeprefix('HTTP ')} {where}"


def _url(span: Span) -> SplitResult | None:
    full = text(span.attributes, a.URL_FULL, "http.url")
    try:
        return urlsplit(full) if full is not None else None
    except ValueError:
        return None

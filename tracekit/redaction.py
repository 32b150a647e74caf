"""Keep query strings and credentials out of what is exported, and out of messages.

Our own spans never hold them; FastAPI's and others' do, and they leave through our exporter too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_QUERY = "url.query"
_URLS = ("url.full", "http.url", "http.target")
_NAMES = frozenset((_QUERY, *_URLS))
_SECRETS = re.compile(r"(?<=://)[^/?#]*@|[?#].*", re.DOTALL)
"""Credentials before the host, and everything from the query on."""
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?")
_NO_PORT = re.compile(r":(?![0-9]*(?:/|$)).*", re.DOTALL)
HIDDEN = "…"
"""Stands where something has been left out."""


def redacted(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *attributes* without queries and credentials; the same object if there are none."""
    if _NAMES.isdisjoint(attributes):
        return attributes
    kept = {name: value for name, value in attributes.items() if name != _QUERY}
    for name in _URLS:
        if isinstance(kept.get(name), str):
            kept[name] = _SECRETS.sub("", kept[name])
    return kept


def shown_url(text: str) -> str:
    """Return *text*, meant as a URL and perhaps none, without what may be a secret.

    What stays is the scheme, the host, a port of digits and the path.
    """
    begin = _SCHEME.match(text)
    scheme = begin[0] if begin else ""
    rest = text[len(scheme) :]
    place = re.split("[?#]", rest, maxsplit=1)[0]
    if "@" in rest[len(place) :]:  # a password with "?" in it, or a query with "@" in it
        return f"{scheme}{HIDDEN}"
    _, credentials, host = place.rpartition("@")
    host = _NO_PORT.sub(f":{HIDDEN}", host)
    cut = f"{rest[len(place)]}{HIDDEN}" if len(place) < len(rest) else ""
    return f"{scheme}{HIDDEN + '@' if credentials else ''}{host}{cut}"

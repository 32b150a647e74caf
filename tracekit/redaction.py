"""Keep query strings and credentials out of what is exported, whichever instrumentation noted them.

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


def redacted(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *attributes* without queries and credentials; the same object if there are none."""
    if _NAMES.isdisjoint(attributes):
        return attributes
    kept = {name: value for name, value in attributes.items() if name != _QUERY}
    for name in _URLS:
        if isinstance(kept.get(name), str):
            kept[name] = _SECRETS.sub("", kept[name])
    return kept

"""The libraries that have an adapter, and the versions it is made for."""

from __future__ import annotations

import re
from types import ModuleType
from typing import NamedTuple


class Library(NamedTuple):
    """A library *name*, and the class ``hooks`` in *module* that hooks it.

    Versions run from *since* up to and without *until*; without both it comes with Python.
    """

    name: str
    module: str
    hooks: str
    since: str = ""
    until: str = ""

    @property
    def range(self) -> str:
        """The versions, as pip writes them."""
        return f">={self.since},<{self.until}"

    def knows(self, module: ModuleType) -> bool:
        """Tell whether *module* is of a version that the adapter is made for.

        A version that cannot be read is taken for a known one: somebody's build from source.
        """
        return self.knows_version(getattr(module, "__version__", ""))

    def knows_version(self, text: object) -> bool:
        """Tell whether version *text* is in the range."""
        version = _parts(text)
        if not self.since or not version:
            return True
        return _parts(self.since) <= version < _parts(self.until)


def _parts(version: object) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version if isinstance(version, str) else "")
    return tuple(int(part) for part in found[0].split(".")) if found else ()


LIBRARIES = (
    Library("uvloop", "tracekit.clients.event_loops", "UvloopHooks", "0.17", "1"),
    Library("httpx", "tracekit.clients.httpx_adapter", "HttpxAdapter", "0.27", "1"),
    Library("httpx2", "tracekit.clients.httpx_adapter", "Httpx2Adapter", "2", "3"),
    Library("urllib3", "tracekit.clients.urllib3_adapter", "Urllib3Adapter", "2.2", "3"),
    Library("requests", "tracekit.clients.requests_adapter", "RequestsAdapter", "2.31", "3"),
    Library("aiohttp", "tracekit.clients.aiohttp_adapter", "AiohttpAdapter", "3.10", "4"),
    Library("http.client", "tracekit.clients.http_client_adapter", "HttpClientAdapter"),
    Library("urllib.request", "tracekit.clients.urllib_adapter", "UrllibAdapter"),
    Library("botocore", "tracekit.clients.botocore_adapter", "BotocoreAdapter", "1.34", "2"),
)

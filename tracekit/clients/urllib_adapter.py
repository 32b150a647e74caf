"""Tell ``http.client``'s adapter which opener of ``urllib.request`` a call came through."""

from __future__ import annotations

import sys

from opentelemetry.trace import TracerProvider

from tracekit.clients import sending
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients


class UrllibAdapter:
    """Hooks ``urllib.request``'s openers; the requests are ``http.client``'s and traced there.

    It is one of its own because ``urllib.request`` imports ``http.client``: as that one's hooks go
    in, this module may be there by half.
    """

    def __init__(self, _provider: TracerProvider) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put a hook on what opens a URL, redirects included."""
        from urllib.request import OpenerDirector

        self._patches.wrap(OpenerDirector, "open", sending.sending(Clients(), joins=sending.always))

    def uninstall(self) -> None:
        """Put the original back."""
        self._patches.restore()


def is_opener(owner: object) -> bool:
    """Tell whether *owner*, which is sending, is one of the openers."""
    opener = getattr(sys.modules.get("urllib.request"), "OpenerDirector", None)
    return opener is not None and isinstance(owner, opener)

"""Tell urllib3's adapter which requests Session a call came through."""

from __future__ import annotations

from opentelemetry.trace import TracerProvider

from tracekit.clients import sending
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients


class RequestsAdapter:
    """Hooks ``requests.Session``; the request itself is urllib3's and traced there.

    The session is the client a finding must point at: the pools below it are made on first use.
    """

    def __init__(self, _provider: TracerProvider) -> None:
        self._clients = Clients()
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on the making of a session and its ``send``."""
        from requests import Session

        self._patches.wrap(Session, "__init__", sending.making(self._clients))
        self._patches.wrap(
            Session, "send", sending.sending(self._clients, joins=sending.after_a_redirect)
        )

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()

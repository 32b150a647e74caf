"""Tell urllib3's adapter which boto3 client a request came from and which attempts are one call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from time import perf_counter_ns
from typing import Any

from opentelemetry.trace import TracerProvider

from tracekit.clients import sending
from tracekit.clients.observing import observer, restore
from tracekit.clients.patching import Patches
from tracekit.clients.registry import Clients


class BotocoreAdapter:
    """Hooks botocore's clients; the requests themselves are urllib3's and traced there.

    botocore retries by itself: each attempt is a request of its own to urllib3. What holds them
    together is the endpoint's ``make_request``, and what stands for the client is the endpoint's
    HTTP session, because a client that looks for credentials sends through another one meanwhile.
    """

    def __init__(self, _provider: TracerProvider) -> None:
        self._clients = Clients()
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on the making of a client and on what it sends through."""
        from botocore.endpoint import Endpoint
        from botocore.httpsession import URLLib3Session
        from botocore.session import Session

        self._patches.wrap(Session, "create_client", self._making)
        self._patches.wrap(Endpoint, "make_request", self._calling)
        self._patches.wrap(
            URLLib3Session, "send", sending.sending(self._clients, joins=sending.always)
        )

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()

    def _making(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def create_client(session: Any, *args: Any, **kwargs: Any) -> Any:
            start = perf_counter_ns()
            client = original(session, *args, **kwargs)
            self._made(client, start)
            return client

        return create_client

    @observer("botocore.made")
    def _made(self, client: Any, start: int) -> None:
        # Private, and the only way there; without it the client is one of which nothing is known.
        session = getattr(getattr(client, "_endpoint", None), "http_session", None)
        if session is not None:
            sending.note(self._clients, session, start)

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def make_request(endpoint: Any, *args: Any, **kwargs: Any) -> Any:
            token = self._enter(endpoint)
            try:
                return original(endpoint, *args, **kwargs)
            finally:
                restore(sending.current, token)

        return make_request

    @observer("botocore.call")
    def _enter(self, endpoint: Any) -> Token[sending.Sending | None] | None:
        return sending.enter(self._clients, endpoint.http_session, joins=sending.always)

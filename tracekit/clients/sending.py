"""Hold the requests together that one call of the host sends: retries and redirects."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite
from tracekit.clients.call import Call
from tracekit.clients.observing import observer
from tracekit.clients.registry import Client, Clients


class Sending:
    """What the host asked for once, however many requests it takes."""

    __slots__ = ("call", "client", "owner", "sent")

    def __init__(self, owner: object, client: Client | None) -> None:
        self.owner = owner
        self.client = client
        self.sent = 0
        self.call: Call | None = None


current: ContextVar[Sending | None] = ContextVar("tracekit_sending", default=None)


def making(clients: Clients) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Wrap a client's ``__init__`` so that *clients* knows when and where it was made."""

    def make(original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(client: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            start = perf_counter_ns()
            original(client, *args, **kwargs)
            _note(clients, client, start)

        return __init__

    return make


@observer("clients.made")
def _note(clients: Clients, client: Any, start: int) -> None:
    now = perf_counter_ns()
    clients.made(client, now, now - start, callsite.find())


def sending(clients: Clients) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wrap the method by which a client sends, so that all it leads to counts as one call."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(owner: Any, *args: Any, **kwargs: Any) -> Any:
            token = _enter(clients, owner)
            try:
                return original(owner, *args, **kwargs)
            finally:
                if token is not None:
                    current.reset(token)

        return send

    return make


@observer("clients.sending")
def _enter(clients: Clients, owner: Any) -> Token[Sending | None] | None:
    outer = current.get()
    if outer is not None and outer.owner is owner:
        return None
    return current.set(Sending(owner, clients.get(owner)))

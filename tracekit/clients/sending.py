"""Hold the requests together that one call of the host sends: retries and redirects."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token
from time import perf_counter_ns
from typing import Any

from tracekit.clients import callsite
from tracekit.clients.call import Call
from tracekit.clients.observing import observer, restore
from tracekit.clients.registry import Client, Clients


class Sending:
    """What the host asked for once, however many requests it takes."""

    __slots__ = ("call", "client", "owner", "redirects", "repeats", "sent", "status")

    def __init__(self, owner: object, client: Client | None, *, repeats: bool = False) -> None:
        self.owner = owner
        self.repeats = repeats
        """Whether the owner sends again whatever the answer was, as botocore does."""
        self.client = client
        self.sent = 0
        self.redirects = 0
        self.status: int | None = None
        self.call: Call | None = None

    def takes(self, *, again: bool = False) -> bool:
        """Tell whether a request that goes out now is one more of these.

        It is if a library below says so (*again*), if it is the first, or if the last answer was
        one after which the same is asked again. Else it is another call that only begins inside: of
        a hook, of an adapter that fetches a token, of a generator that is sent as a body.
        """
        if again or self.call is not None:
            return again
        return self.sent == 0 or self.repeats or self.status in _AGAIN

    def begin(self, call: Call) -> None:
        """Make *call* the next one that is sent; after a 30x it is a redirect."""
        record = call.record
        self.call = call
        if self.client is not None:
            self.client.serve(record, record.start)
        if self.status in REDIRECTS:
            self.redirects += 1
        if self.sent:
            callsite.note(record)
        record.resends, record.redirects = self.sent, self.redirects
        self.sent += 1

    def end(self) -> None:
        """Note that the call that is going on has its answer, or has none."""
        call, self.call = self.call, None
        self.status = None if call is None else call.record.status
        if call is not None and self.status in REDIRECTS:
            callsite.note(call.record)


REDIRECTS = (301, 302, 303, 307, 308)
_AGAIN = (*REDIRECTS, 401, 407)
current: ContextVar[Sending | None] = ContextVar("tracekit_sending", default=None)


Joins = Callable[[Sending], bool]


def never(_outer: Sending) -> bool:
    """Say that a client that is sending never sends through itself for that."""
    return False


def always(_outer: Sending) -> bool:
    """Say that whatever a client sends while it is sending is for that."""
    return True


def after_a_redirect(outer: Sending) -> bool:
    """Say that a client sends through itself to follow a redirect, and for that alone."""
    return outer.status in REDIRECTS


def making(clients: Clients) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Wrap a client's ``__init__`` so that *clients* knows when and where it was made."""

    def make(original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(client: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            start = perf_counter_ns()
            original(client, *args, **kwargs)
            note(clients, client, start)

        return __init__

    return make


@observer("clients.made")
def note(clients: Clients, client: Any, start: int) -> None:
    """Let *clients* know that *client*, begun at *start*, is made now."""
    now = perf_counter_ns()
    clients.made(client, now, now - start, callsite.find())


def sending(
    clients: Clients, *, joins: Joins = never
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wrap the method by which a client sends, so that all it leads to counts as one call.

    Of a client whose method calls itself for that, *joins* tells whether it does so now.
    """

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(owner: Any, *args: Any, **kwargs: Any) -> Any:
            token = enter(clients, owner, joins=joins)
            try:
                return original(owner, *args, **kwargs)
            finally:
                restore(current, token)

        return send

    return make


def sending_async(
    clients: Clients,
    *,
    joins: Joins = never,
) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
    """Do the same for a coroutine."""

    def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(original)
        async def send(owner: Any, *args: Any, **kwargs: Any) -> Any:
            token = enter(clients, owner, joins=joins)
            try:
                return await original(owner, *args, **kwargs)
            finally:
                restore(current, token)

        return send

    return make


@observer("clients.sending")
def enter(clients: Clients, owner: Any, *, joins: Joins = never) -> Token[Sending | None] | None:
    """Let all that *owner* sends until the token is reset count as one call.

    None if that is so already, because it sends on behalf of itself: *joins* says so of what the
    owner has been sending.
    """
    outer = current.get()
    if outer is not None and outer.owner is owner and outer.call is None and joins(outer):
        return None
    return current.set(Sending(owner, clients.get(owner), repeats=joins is always))


def over(call: Call) -> None:
    """Note that *call* has its answer or has none: what it is one of may go on with another."""
    around = current.get()
    if around is not None and around.call is call:
        around.end()

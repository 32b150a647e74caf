"""What is remembered of an ``http.client`` connection and of the request that is on it."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any, NamedTuple

from opentelemetry.trace import Span
from urllib3.connection import HTTPConnection as PooledConnection

from tracekit.clients.body import Body
from tracekit.clients.call import Call
from tracekit.clients.registry import Client
from tracekit.phases import ConnectionPhases

LIBRARY = "http.client"
STATE = "_tracekit_state"


class Exchange(Body):
    """One request and its response: held by the connection first, then by the response.

    Whichever is forgotten with it ends the call, as of any body. While ``busy``, one of our hooks
    is at work further out: those that it leads to have nothing to add.
    """

    __slots__ = ("busy", "call")

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.call = call
        self.busy = False

    def fail(self, error: BaseException | str) -> None:
        """End the call before there is a response."""
        self._call = None
        if isinstance(error, str):
            self.call.record.error = error
        else:
            self.call.fail(error)
        self.call.finish(perf_counter_ns())


class Opening(NamedTuple):
    """A connection that the host opened by hand, in the span that was current."""

    record: ConnectionPhases
    parent: Span


class State:
    """What hangs on a connection object."""

    __slots__ = ("carrier", "client", "exchange", "opening")

    def __init__(self) -> None:
        self.client: Client | None = None
        self.carrier: dict[str, str] | None = None
        """What the next request's headers are to carry."""
        self.exchange: Exchange | None = None
        self.opening: Opening | None = None


def state_of(connection: Any) -> State | None:
    """Return what hangs on *connection*; None if there is nothing yet, or it is urllib3's."""
    state: State | None = connection.__dict__.get(STATE)
    return state


def make_state(connection: Any) -> State:
    """Return what hangs on *connection*, after hanging it there if need be."""
    state: State = connection.__dict__.setdefault(STATE, State())
    return state


def is_pooled(connection: Any) -> bool:
    """Tell whether *connection* is of urllib3's making, whose adapter looks after it."""
    return isinstance(connection, PooledConnection)

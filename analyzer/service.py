"""What the analysis says of each service's own side of the request, as typed results.

Durations are integer nanoseconds; a ``start_ns`` counts from the request's start, what else is a
moment from the service's. None is what the data does not say. Qualities are those of a call's
facts (:mod:`analyzer.facts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.facts import BodyFacts, Known

Outcome = Literal["complete", "client left", "cancelled", "error"]


@dataclass(frozen=True)
class RequestBodyFacts:
    """The request's body as the application read it.

    *first_ns* is when it asked for it, *ns* how long it read, *waited_ns* how much of that it
    waited for the server to hand it a piece.
    """

    first_ns: int | None = None
    ns: int | None = None
    waited_ns: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class PeerFacts:
    """Who asked; *state* is ``new`` or ``reused``, *use* its n-th request, from 1: inferred."""

    state: str | None = None
    use: int | None = None
    protocol: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class WebSocketFacts:
    """The messages of a websocket, each way."""

    received: int | None = None
    sent: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    close_code: int | None = None


@dataclass(frozen=True)
class ExceptionFacts:
    """An exception that something ended with; of its *message* the first line.

    *at* is the application's innermost line of code, as ``file:line in function()``; where all of
    it is installed code, the innermost of that.
    """

    type: str
    message: str | None = None
    at: str | None = None


@dataclass(frozen=True)
class FailedStage:
    """A stage that an exception ended, whether or not the request failed by it."""

    span_id: str
    name: str
    exception: ExceptionFacts


@dataclass(frozen=True)
class ServiceFacts(Known):
    """One request as one service served it.

    *queued_ns* went by before *start_ns*; *queue_source* says who measured it, and
    *unbelieved_queue_ns* what it said if that cannot be. *background_ns* is how long its process
    worked on after the end, while nobody waited. Of *response_body*, *headers_ns* is the first
    byte, and *held_ns* the time that the server held the application until it took what was
    sent. *loop_lag_ns* is how long its event loop ran late, *gc_ns* how long its process
    collected garbage. *exception* goes with *error*; inferred, it was the last one recorded.
    """

    span_id: str
    service: str
    name: str
    start_ns: int
    ns: int
    on_path: bool
    status: int | None = None
    error: str | None = None
    exception: ExceptionFacts | None = None
    failed_stages: tuple[FailedStage, ...] = ()
    ended: Outcome | None = None
    queued_ns: int | None = None
    queue_source: str | None = None
    unbelieved_queue_ns: int | None = None
    request_body: RequestBodyFacts | None = None
    response_body: BodyFacts | None = None
    background_ns: int | None = None
    background_error: str | None = None
    background_exception: ExceptionFacts | None = None
    loop_lag_ns: int | None = None
    largest_lag_ns: int | None = None
    gc_ns: int | None = None
    peer: PeerFacts = PeerFacts()
    websocket: WebSocketFacts | None = None
    derived: frozenset[str] = frozenset()
    inferred: frozenset[str] = frozenset()

    @property
    def is_stream(self) -> bool:
        """Whether its response came in pieces that tell something."""
        body = self.response_body
        return body is not None and (body.chunks or 0) > 1

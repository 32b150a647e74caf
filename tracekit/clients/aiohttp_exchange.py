"""Follow one request of aiohttp over its connection, until the last byte of the response."""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter_ns
from typing import Any

from tracekit.clients import body as bodies
from tracekit.clients.aiohttp_asked import Asked
from tracekit.clients.body import Body
from tracekit.clients.call import Call
from tracekit.clients.observing import observer

_KEY = "_tracekit_exchange"
_SWITCHING = 101
_FIRST_FINAL = 200


class Exchange:
    """One request and its response; hung on the connection's protocol while it lasts.

    What arrives is seen by the protocol, in the context of whoever opened the connection: so the
    protocol has to know whose bytes these are.
    """

    __slots__ = (
        "asked",
        "body",
        "call",
        "ended",
        "handled",
        "payload",
        "protocol",
        "reading",
        "resumed",
        "seen",
    )

    def __init__(self, call: Call, asked: Asked | None, protocol: Any) -> None:
        self.call = call
        self.asked = asked
        self.protocol = protocol
        self.body: Body | None = None
        self.payload: Any = None
        self.resumed: int | None = None
        self.reading = 0
        """When the read that is being parsed began; 0 between reads."""
        self.ended = False
        self.seen = 0
        self.handled = id(sys.exc_info()[1])
        """An exception that the host was handling before: not one of this call."""
        setattr(protocol, _KEY, self)

    @observer("aiohttp.head")
    def head(self, message: Any, payload: Any) -> None:
        """Take the status and headers, just parsed. Provisional ones (1xx) do not count."""
        switching = message.code == _SWITCHING
        if self.payload is not None or not (message.code >= _FIRST_FINAL or switching):
            return
        at, record = self.reading or perf_counter_ns(), self.call.record
        record.end("send", at)
        record.end("wait", at)
        used = self.call.connection
        if used is not None:
            used.probe(used.sock, record)
        record.status = message.code
        record.protocol = "1.0" if message.version.minor == 0 else "1.1"
        if self.asked is not None:
            self.asked.status, self.asked.call = message.code, None
        if switching:  # a WebSocket: what comes now is no body
            self.detach()
            self.call.finish(at)
            return
        record.begin("receive", at)
        self._expect_body(message.headers, payload, at)

    def _expect_body(self, headers: Any, payload: Any, at: int) -> None:
        record = self.call.record
        record.body_unit = "wire_reads"
        record.response_headers = headers
        if not self.call.owned:
            if self.asked is not None and self.asked.goes_on(record.status, headers):
                leave_unwritten(self.call, at)
            else:
                self.call.publish(at)
        self.payload = payload
        self.body = Body(self.call, counts="Content-Encoding" not in headers)
        if payload.is_eof():
            self.ended = True
        else:
            payload.on_eof(self.eof)

    @observer("aiohttp.arrived")
    def arrived(self) -> None:
        """Count what the read has brought of the body, and end the call after the last byte."""
        self.reading = 0
        if self.body is None:
            return
        total = self.payload.total_bytes
        if total > self.seen:
            # What the reader left lying stopped the reading: it was let on when the reader took it.
            self.body.chunk(total - self.seen, self.resumed)
            self.resumed = None
            self.seen = total
        if self.ended:
            self._complete()

    @observer("aiohttp.eof")
    def eof(self) -> None:
        """Note the body's end. Inside a read the last piece is yet to be counted."""
        self.ended = True
        if not self.reading:
            self._complete()

    def _complete(self) -> None:
        self.detach()
        if self.body is not None:
            size = getattr(self.payload, "total_compressed_bytes", None)
            self.body.finish(complete=True, size=size)

    def left(self) -> None:
        """End the call where its connection is let go before the last byte is in."""
        if self.ended:
            return
        error = self._raised()
        if self.body is None:
            failed(self.call, self.asked, error or ConnectionError(), self)
            return
        self.detach()
        self.body.finish(complete=False, error=self.payload.exception() or error)

    @observer("aiohttp.lost")
    def lost(self) -> None:
        """End the call where the connection goes before the body's end: broken off or forgotten."""
        if self.body is None:
            return
        error = self.payload.exception()
        self.detach()
        if error is not None:
            self.body.finish(complete=False, error=error)
            return
        # aiohttp closes what the host has dropped: the call ended where it was last seen alive.
        self.body = None
        bodies.reap()

    def _raised(self) -> BaseException | None:
        error = sys.exc_info()[1]
        if error is None or id(error) == self.handled:
            return None
        # Once the host reads, it may well have raised something of its own.
        told = isinstance(error, (asyncio.CancelledError, asyncio.TimeoutError, OSError))
        return error if told or self.body is None else None

    def detach(self) -> None:
        """Let the connection carry on without us."""
        if of(self.protocol) is self:
            delattr(self.protocol, _KEY)
        self.protocol = None


def of(holder: Any) -> Exchange | None:
    """Return the exchange that hangs on *holder*, a connection's protocol."""
    exchange: Exchange | None = getattr(holder, _KEY, None)
    return exchange


def leave_unwritten(call: Call, at: int) -> None:
    """End a call on a span of others that goes on with the next request, to be read there."""
    call.done = True
    if call.connection is not None:
        call.connection.last_used = at
        call.connection.busy -= 1


@observer("aiohttp.failed")
def failed(
    call: Call,
    asked: Asked | None,
    error: BaseException,
    exchange: Exchange | None = None,
    timer: Any = None,
) -> None:
    """End *call* with *error*. A total time-out of aiohttp's *timer* comes as a cancellation."""
    now = perf_counter_ns()
    if exchange is not None:
        exchange.detach()
    if call.done:
        return
    if asked is not None:
        asked.status, asked.call = None, None
    if isinstance(error, asyncio.CancelledError) and getattr(timer, "_cancelled", False):
        error = asyncio.TimeoutError()
    if not call.owned and asked is not None and asked.tries_again(error):
        leave_unwritten(call, now)
        return
    call.fail(error)
    call.finish(now)

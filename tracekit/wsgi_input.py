"""``wsgi.input`` with a clock: how long the application waited for the request's body."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from tracekit import clock, guard
from tracekit.sent import Received
from tracekit.server import Exchange

_OTHER_READS = ("read1", "readinto", "readinto1")
"""Not of PEP 3333, but Werkzeug uses what is there; the last two return a number."""


class TimedInput:
    """Stands before the server's ``wsgi.input``, and is it in everything else."""

    def __init__(self, body: Any, exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._body, name)
        return functools.partial(self._call, found) if name in _OTHER_READS else found

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def read(self, *size: Any) -> bytes:
        """Read as the server's input does."""
        asked = clock.now()
        piece: bytes = self._body.read(*size)
        self._note(piece, asked)
        return piece

    def readline(self, *size: Any) -> bytes:
        """Read one line as the server's input does."""
        asked = clock.now()
        line: bytes = self._body.readline(*size)
        self._note(line, asked)
        return line

    def readlines(self, *hint: Any) -> list[bytes]:
        """Read lines as the server's input does."""
        asked = clock.now()
        lines: list[bytes] = self._body.readlines(*hint)
        self._note(lines, asked)
        return lines

    def _call(self, read: Callable[..., Any], *arguments: Any) -> Any:
        asked = clock.now()
        got = read(*arguments)
        self._note(got, asked)
        return got

    def _note(self, piece: Any, asked: int) -> None:
        try:
            exchange = self._exchange
            if exchange.is_open:
                if exchange.received is None:
                    exchange.received = Received()
                exchange.received.add(_size(piece), asked, clock.now())
        except Exception as error:
            guard.fault("wsgi.input", error)


def _size(got: Any) -> int:
    """Return the bytes of a piece, of a list of lines, or of what was read into a buffer."""
    if isinstance(got, list):
        return sum(map(len, got))
    return got if isinstance(got, int) else len(got or b"")


def timed(environ: dict[str, Any], exchange: Exchange) -> None:
    """Put the clock before the body of *environ*, if there is to be one."""
    length = environ.get("CONTENT_LENGTH")
    if "wsgi.input" in environ and (
        length not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ
    ):
        environ["wsgi.input"] = TimedInput(environ["wsgi.input"], exchange)

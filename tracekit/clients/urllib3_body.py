"""Follow the body of a urllib3 response that the host reads itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import Any

from tracekit.clients.body import Body
from tracekit.clients.observing import observer
from tracekit.clients.patching import Patches


class BodyHooks:
    """The hooks on ``urllib3.HTTPResponse``; a response without a ``Body`` passes untouched."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put hooks on every way in which a body is read, drained or left."""
        from urllib3.response import HTTPResponse

        self._patches.wrap(HTTPResponse, "read", _reading)
        self._patches.wrap(HTTPResponse, "read1", _reading)
        self._patches.wrap(HTTPResponse, "read_chunked", _reading_chunks)
        self._patches.wrap(HTTPResponse, "drain_conn", _draining)
        self._patches.wrap(HTTPResponse, "release_conn", _releasing)
        self._patches.wrap(HTTPResponse, "close", _closing)

    def uninstall(self) -> None:
        """Put the originals back."""
        self._patches.restore()


def _body_of(response: Any) -> Body | None:
    body: Body | None = response.__dict__.get("_tracekit_body")
    return body


def _reading(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def read(response: Any, *args: Any, **kwargs: Any) -> Any:
        body = _body_of(response)
        if body is None:
            return original(response, *args, **kwargs)
        asked = perf_counter_ns()
        try:
            data = original(response, *args, **kwargs)
        except BaseException as error:
            body.finish(complete=False, error=error, size=response.tell())
            raise
        _arrived(response, body, data, asked)
        return data

    return read


@observer("urllib3.body")
def _arrived(response: Any, body: Body, data: Any, asked: int) -> None:
    body.chunk(len(data or b""), asked)
    if response.isclosed():
        body.finish(complete=True, size=response.tell())


def _reading_chunks(original: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    @functools.wraps(original)
    def read_chunked(response: Any, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        chunks = original(response, *args, **kwargs)
        body = _body_of(response)
        if body is None:
            return chunks
        # These pieces are not in ``tell``; unless they are decoded, their sizes are the wire's.
        body.counts = "content-encoding" not in response.headers
        return _timed(chunks, body)

    return read_chunked


def _timed(chunks: Iterator[bytes], body: Body) -> Iterator[bytes]:
    asked = perf_counter_ns()
    body.is_being_read = True
    try:
        for chunk in chunks:
            body.is_being_read = False
            body.chunk(len(chunk), asked)
            yield chunk
            asked = perf_counter_ns()
            body.is_being_read = True
    except BaseException as error:
        # GeneratorExit is the consumer leaving: not an error of the call.
        body.finish(complete=False, error=error if isinstance(error, Exception) else None)
        raise
    body.finish(complete=True)


def _draining(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def drain_conn(response: Any) -> None:
        original(response)
        if _body_of(response) is not None:
            _left(response, read_to_the_end=True)

    return drain_conn


def _closing(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def close(response: Any) -> None:
        if _body_of(response) is not None:
            _left(response)
        original(response)

    return close


def _releasing(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def release_conn(response: Any) -> None:
        if _body_of(response) is not None:
            _left(response)
        original(response)

    return release_conn


@observer("urllib3.body")
def _left(response: Any, *, read_to_the_end: bool = False) -> None:
    body = _body_of(response)
    if body is None or body.is_being_read:
        return
    over = response.isclosed()
    if over and read_to_the_end:
        body.finish(complete=True, size=response.tell())
    elif not over:
        body.finish(complete=False, size=response.tell())
    # Else urllib3 itself releases after the last byte, inside ``read``, which is yet to count it.

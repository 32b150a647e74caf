"""Stand in for a response's byte stream and time what passes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from time import perf_counter_ns
from typing import Any

from tracekit.clients.body import Body


def timed_streams(library: Any) -> tuple[type[Any], type[Any]]:
    """Return the sync and the async stream class for *library* (the module httpx or httpx2).

    They are subclasses of the library's own, because its responses insist on that. Both take
    ``(inner, body)``.
    """

    class TimedStream(_Timed, library.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            return _Chunks(iter(self._inner), self._body)

        def close(self) -> None:
            self._body.finish(complete=False)
            self._inner.close()

    class TimedAsyncStream(_Timed, library.AsyncByteStream):  # type: ignore[misc]
        def __aiter__(self) -> AsyncIterator[bytes]:
            return _AsyncChunks(aiter(self._inner), self._body)

        async def aclose(self) -> None:
            self._body.finish(complete=False)
            await self._inner.aclose()

    return TimedStream, TimedAsyncStream


class _Timed:
    def __init__(self, inner: Any, body: Body) -> None:
        self._inner = inner
        self._body = body

    def __getattr__(self, name: str) -> Any:
        # Whatever else the library's own stream offers, the host still finds.
        return getattr(self._inner, name)


class _Chunks:
    def __init__(self, inner: Iterator[bytes], body: Body) -> None:
        self._inner = inner
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        asked = perf_counter_ns()
        try:
            chunk = next(self._inner)
        except BaseException as error:
            _stopped(self._body, error)
            raise
        self._body.chunk(len(chunk), asked)
        return chunk


class _AsyncChunks:
    def __init__(self, inner: AsyncIterator[bytes], body: Body) -> None:
        self._inner = inner
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        asked = perf_counter_ns()
        try:
            chunk = await anext(self._inner)
        except BaseException as error:
            _stopped(self._body, error)
            raise
        self._body.chunk(len(chunk), asked)
        return chunk

    async def aclose(self) -> None:
        """Close the library's own iterator, as its caller means to."""
        close = getattr(self._inner, "aclose", None)
        if close is not None:
            await close()


def _stopped(body: Body, error: BaseException) -> None:
    if isinstance(error, (StopIteration, StopAsyncIteration)):
        body.finish(complete=True)
    else:
        body.finish(complete=False, error=error)

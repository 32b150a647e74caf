"""What the kit asks of a client, whichever library it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

Answer = tuple[int, bytes]
"""A status and a body."""
Take = Callable[[], bytes]
"""Returns the next piece of a body; nothing at its end."""


@dataclass(frozen=True)
class Options:
    """How a client is made; a library without such an option leaves it out."""

    pool: int = 10
    """So many connections are kept."""
    block: bool = False
    """No more are opened than that: a call waits for one."""
    retries: int = 0
    """How often a call that fails is sent again; whoever retries unasked cannot be told."""
    proxy: str | None = None
    http2: bool = False
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop


PLAIN = Options()


class Caller:
    """One long-lived client. Write ``get``, ``opened`` and ``close``."""

    name: ClassVar[str]
    library: ClassVar[str]
    errors: ClassVar[tuple[type[Exception], ...]]
    keeps: ClassVar[bool] = True
    """Connections, and what makes them, outlive a call."""
    made_in: ClassVar[str] = "__init__"
    """The method in which the object is made that its calls name as their client."""

    def __init__(self, options: Options = PLAIN) -> None:
        self.options = options

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, url: str, timeout: float = 5.0) -> Answer:
        """Return what is there; *timeout* is for each phase of the call, in seconds."""
        raise NotImplementedError

    def opened(self, url: str) -> AbstractContextManager[Take]:
        """Read the headers; the body can be taken piece by piece, as it comes."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def read(self, url: str, each: Callable[[bytes], object]) -> None:
        """Hand every piece of the body to *each*."""
        with self.opened(url) as take:
            while piece := take():
                each(piece)

    def abandon(self, url: str) -> None:
        """Read the first piece of the body, then leave."""
        with self.opened(url) as take:
            take()

    def together(self, urls: list[str], at_once: int = 50) -> list[Answer]:
        """Get them all, so many *at_once*."""
        with ThreadPoolExecutor(at_once) as threads:
            return list(threads.map(self.get, urls))


class AsyncCaller(Caller):
    """One with an event loop of its own. Write ``aget``, ``opened`` and ``aclose``."""

    def __init__(self, options: Options = PLAIN) -> None:
        super().__init__(options)
        self.loop = options.new_loop()

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return self.loop.run_until_complete(awaited())

    async def aget(self, url: str, timeout: float = 5.0) -> Answer:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    def get(self, url: str, timeout: float = 5.0) -> Answer:
        answer: Answer = self.run(self.aget(url, timeout))
        return answer

    def together(self, urls: list[str], at_once: int = 50) -> list[Answer]:
        async def all_of_them() -> list[Answer]:
            room = asyncio.Semaphore(at_once)

            async def one(url: str) -> Answer:
                async with room:
                    return await self.aget(url)

            return await asyncio.gather(*(one(url) for url in urls))

        answers: list[Answer] = self.run(all_of_them())
        return answers

    def close(self) -> None:
        self.run(self.aclose())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.close()


Pieces = Iterator[Take]
"""What a generator behind ``opened`` gives: one ``Take``."""

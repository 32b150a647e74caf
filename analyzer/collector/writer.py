"""The one thread that works on the store, so that the event loop never waits for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from analyzer.errors import StoreBusy

T = TypeVar("T")

MOST_WAITING = 64
"""Requests that may wait for the store; more are told to come back."""


class Writer:
    """Runs the store's work one piece after the other, in a thread of its own."""

    def __init__(self) -> None:
        """Make the thread when the first work comes."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tracekit-writer")
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of *work* when its turn has come; StoreBusy if too many wait."""
        if self._waiting >= MOST_WAITING:
            raise StoreBusy("too many requests are waiting for the store")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Finish the work that waits, and end the thread."""
        self._thread.shutdown(wait=True)

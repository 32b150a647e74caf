"""A lock that no fork leaves behind locked."""

from __future__ import annotations

import os
import threading
from contextlib import suppress


class ForkLock:
    """A re-entrant lock that is free in a forked child, whoever held it in the parent.

    A thread that holds one at the fork is not in the child, and nobody there would let it go. For
    modules: each one stays for as long as the process.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        with suppress(RuntimeError):  # this thread has forked inside, and its child has another
            self._lock.release()

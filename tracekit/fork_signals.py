"""Hold back the signals that end a process over a fork, or its child would never get them.

A forked child forgets the signals whose handlers have not run yet, which Python takes for its
parent's. One that was sent to the child before its first step is then lost, although the default
would have ended it.
"""

from __future__ import annotations

import os
import signal
import threading
import weakref
from collections.abc import Callable, Collection

from tracekit import guard


class ForkSignals:
    """Holds *numbers* back over every fork, each as long as *is_ours* says that its handler is.

    What has come meanwhile comes when the hooks of those who were there before have run.
    """

    def __init__(self, numbers: Collection[int], is_ours: Callable[[int], bool]) -> None:
        self._numbers = tuple(numbers)
        self._is_ours = is_ours
        self._fork = _Fork()
        if hasattr(os, "register_at_fork"):
            before, after = weakref.WeakMethod(self._before), weakref.WeakMethod(self._after)
            os.register_at_fork(
                before=lambda: (method := before()) and method(),
                after_in_parent=lambda: (method := after()) and method(),
                after_in_child=lambda: (method := after()) and method(),
            )

    def _before(self) -> None:
        try:
            # Not those of others: a handler that raises does so in vain inside a hook.
            held = [number for number in self._numbers if self._is_ours(number)]
            if held:
                self._fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, held)
        except Exception as error:
            guard.fault("fork_signals", error)

    def _after(self) -> None:
        mask, self._fork.mask = self._fork.mask, None
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Fork(threading.local):
    mask: Collection[int] | None = None
    """What this thread held back before."""

"""Hold back the signals that end a process over a fork, or its child would never get them.

A forked child forgets the signals whose handlers have not run yet, which Python takes for its
parent's. One that was sent to the child before its first step is then lost, although the default
would have ended it.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
from collections.abc import Callable, Collection
from typing import Any

from tracekit import guard

# The one of `signal` is a function of Python's around it, in which a handler may raise.
_sigmask: Any = getattr(importlib.import_module("_signal"), "pthread_sigmask", None)
_asked: dict[int, Callable[[int], bool]] = {}
_held: list[int] = []
"""What the fork that is under way holds back."""


def hold_over_forks(numbers: Collection[int], is_ours: Callable[[int], bool]) -> None:
    """Hold *numbers* back over every fork, each as long as *is_ours* says that its handler is.

    What has come meanwhile comes when the hooks of those who were there before have run: our own
    have to, before a handler saves what is a child's.
    """
    if not _asked and _sigmask is not None and hasattr(os, "register_at_fork"):
        # No Python runs between the end of the fork and the release: a handler might raise there.
        release = functools.partial(_sigmask, signal.SIG_UNBLOCK, _held)
        os.register_at_fork(before=_hold, after_in_parent=release, after_in_child=release)
    _asked.update(dict.fromkeys(numbers, is_ours))


def _hold() -> None:
    try:
        before = _sigmask(signal.SIG_BLOCK, ())
        # Not those of others: a handler that raises does so in vain inside a hook.
        _held[:] = [n for n, is_ours in _asked.items() if n not in before and is_ours(n)]
        _sigmask(signal.SIG_BLOCK, _held)
    except Exception as error:
        guard.fault("fork_signals", error)

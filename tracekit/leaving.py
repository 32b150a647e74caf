"""Keep the spans of a forked child that leaves by ``os._exit``, past all that Python does at exit.

So do socketserver's ForkingMixIn, Werkzeug's ``processes``, billiard, and who forks by hand. The
first process is left alone: there it is an emergency exit.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import NoReturn, Protocol
from weakref import WeakSet

from tracekit import guard
from tracekit.signals import Savings, save_whatever_is_held

LEAVE_SECONDS = 2.0


class Leaving(Savings, Protocol):
    """Whose spans wait."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to save."""


_restores: list[Callable[[], None]] = []
_leaving: WeakSet[Leaving] = WeakSet()
_forked: list[bool] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forked.append(True))


def expect(one: Leaving) -> None:
    """Have ``os._exit`` save what *one* holds, if this process is a forked child."""
    if not _forked:
        return
    if not _restores:
        # Imported here: this module is, by `import tracekit`, before a fork that nobody traces.
        from tracekit.clients.patching import Patches

        patches = Patches()
        patches.wrap(os, "_exit", _saving)
        _restores.append(patches.restore)
    _leaving.add(one)


def forget(one: Leaving) -> None:
    """Save nothing of *one* any more."""
    _leaving.discard(one)
    if not _leaving and _restores:
        _restores.pop()()


def _saving(original: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
    @functools.wraps(original)
    def leave(status: int) -> NoReturn:
        try:
            for one in [*_leaving]:
                if not one.is_idle:
                    save_whatever_is_held(one, LEAVE_SECONDS)
                    one.sweep()
        except BaseException as error:  # an interrupt too: nothing keeps the process from leaving
            guard.count(f"leaving: {type(error).__name__}")
        original(status)

    return leave

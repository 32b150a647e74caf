"""Keep the last half second of spans of a process that a signal ends, as it would end anyway."""

from __future__ import annotations

import _thread
import functools
import os
import signal
import threading
import time
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, Protocol

from tracekit import guard

if TYPE_CHECKING:
    from tracekit.nudge import Nudge

DEADLINE = 2.0
"""Seconds that a signal's effect may be late by."""
_GRACE = 0.05
"""Seconds in which requests whose answers have just left end their spans, in other threads."""
_NAMES = ("SIGTERM", "SIGHUP")
"""The ones that end a process from outside. SIGINT is an exception: the exit flushes."""


class Savings(Protocol):
    """Where the spans wait."""

    def save(self, timeout: float) -> None:
        """Bring to safety what waits, within *timeout* seconds."""

    def sweep(self) -> None:
        """Write what has come since, or is still on its way, to the spool."""

    def resume(self) -> None:
        """Go on: this process does not end."""

    def leave(self, timeout: float) -> None:
        """Do all three."""


class SignalHooks:
    """Handlers of the signals that would end this process, until ``uninstall``.

    Only where nobody else has one, and only in the main thread: Python lets no other set them. A
    host that sets its own handler afterwards replaces ours.
    """

    def __init__(self, savings: Savings) -> None:
        self._savings = savings
        self._is_ending = False
        self._sweeping = 0
        """The process that sweeps: a forked child does not."""
        self._nudge: Nudge | None = None

    def install(self) -> None:
        """Put a handler where the disposition is the default."""
        if threading.current_thread() is not threading.main_thread() or os.name != "posix":
            return
        for number in _known():
            present = signal.getsignal(number)
            if present is signal.SIG_DFL:
                signal.signal(number, self._end)
            elif number == signal.SIGTERM:
                _save_after_uvicorn(present, self._savings)
        if taken := [number for number in _known() if self._is_ours(number)]:
            self._let_none_be_lost(taken)

    def uninstall(self) -> None:
        """Put the default back where the handler is still ours."""
        if threading.current_thread() is not threading.main_thread():
            return  # the handler finds nothing to save, and ends the process as the default does
        for number in _known():
            if self._is_ours(number):
                signal.signal(number, signal.SIG_DFL)
        if self._nudge is not None:
            self._nudge.uninstall()

    def _let_none_be_lost(self, taken: list[int]) -> None:
        """See to it that the handlers run, always, as the default would have acted."""
        # Imported here: without `init` they are not needed.
        from tracekit.fork_signals import hold_over_forks
        from tracekit.nudge import Nudge

        self._nudge = Nudge(taken, self._is_ours)
        self._nudge.install()
        hold_over_forks(taken, self._is_ours)

    def _is_ours(self, number: int) -> bool:
        return signal.getsignal(number) == self._end

    def _end(self, number: int, _frame: Any) -> None:
        """Save the spans, then let the signal do what it does by default."""
        if self._sweeping == os.getpid():
            return  # the sweep that this has interrupted goes on, and its handler ends the process
        try:
            again, self._is_ending = self._is_ending, True
            if not again:  # whoever sends it twice is in a hurry
                save_whatever_is_held(self._savings, DEADLINE, grace=_GRACE)
            self._sweeping = os.getpid()
            self._savings.sweep()
        except Exception as error:
            guard.fault("signals", error)
        finally:
            self._sweeping = 0
        # Somebody's handler that calls the one before it, ours, decides itself how it goes on.
        if self._is_ours(number):
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._is_ending = False
        self._savings.resume()


def _known() -> list[int]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


def are_threads_real() -> bool:
    """Tell whether threads are the system's."""
    # gevent and eventlet put greenlets in their place, which cannot take turns inside a handler:
    # there all of it goes to the spool.
    return isinstance(_thread.start_new_thread, BuiltinFunctionType)


def save_whatever_is_held(savings: Savings, timeout: float, *, grace: float = 0.0) -> None:
    """Save what waits, after *grace* seconds, whichever locks this thread may hold."""
    if not are_threads_real():
        return
    # A signal has interrupted this one anywhere, maybe with a lock in its hands that is needed
    # (an event's, a logging handler's): then the time runs out, and that is all. By `_thread`,
    # because `threading` takes a lock of its own to start one.
    done = _thread.allocate_lock()
    done.acquire()

    def save() -> None:
        try:
            time.sleep(grace)
            savings.save(timeout - grace)
        except Exception as error:
            guard.fault("signals.save", error)
        finally:
            done.release()

    _thread.start_new_thread(save, ())
    done.acquire(timeout=timeout)


def _save_after_uvicorn(handler: Any, savings: Savings) -> None:
    """Save at the end of the shutdown of the uvicorn server that *handler* belongs to.

    It takes the signals before it imports the application, then restores what it had found, the
    default, and raises the signal again: nothing else runs between its last request and the end.
    """
    server = getattr(handler, "__self__", None)
    shutdown: Callable[..., Any] | None = getattr(server, "shutdown", None)
    if shutdown is None or not _is_uvicorns(server):
        return

    @functools.wraps(shutdown)
    async def saving(*args: Any, **kwargs: Any) -> Any:
        try:
            return await shutdown(*args, **kwargs)
        finally:
            _save(savings)

    server.shutdown = saving  # type: ignore[union-attr]


def _is_uvicorns(server: object) -> bool:
    return any(kind.__module__.startswith("uvicorn.") for kind in type(server).__mro__)


def _save(savings: Savings) -> None:
    try:
        savings.leave(DEADLINE)  # a host may run one server after the other
    except Exception as error:
        guard.fault("signals.save", error)

"""The pipe by which Python tells of signals, and its two ends that a host may close unasked."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress

if sys.platform != "win32":
    import fcntl

_REST = 0
"""No signal has this number."""
_FIRST = 200
"""Descriptors from here on, because few hosts get so far: one that closes every descriptor, as
daemons do, would open a file of its own under the number of ours."""
_MOST = 512


class Pipe:
    """A pipe that is read with a time limit, and that tells when somebody has closed it."""

    def __init__(self) -> None:
        self.reading, self.writing = _open()
        self._identity = _identity(self.reading), _identity(self.writing)
        self.is_lost = False
        """Whether the descriptors are no longer this pipe's."""

    def read(self, timeout: float | None) -> bytes | None:
        """Return the numbers that arrive within *timeout* seconds; None when it is time to rest."""
        assert _poll is not None  # where there is none, nobody is nudged
        waiting = _poll()
        waiting.register(self.reading, select.POLLIN)
        if not waiting.poll(None if timeout is None else timeout * 1000):
            return b""
        try:
            arrived = os.read(self.reading, _MOST) if self._is_intact() else b""
        except BlockingIOError:  # a thread that a fork did not wait for any longer was faster
            return b""
        except OSError:
            arrived = b""
        self.is_lost = not arrived
        return None if self.is_lost or _REST in arrived else arrived

    def ask_to_rest(self) -> None:
        """Have whoever reads go away."""
        with suppress(OSError):
            if self._is_intact():
                os.write(self.writing, bytes([_REST]))

    def renew(self) -> bool:
        """Put another pipe under the same numbers; return False if they are not this one's."""
        if not self._is_intact():
            return False
        reading, writing = _open()
        os.dup2(reading, self.reading, inheritable=False)
        os.dup2(writing, self.writing, inheritable=False)
        os.close(reading)
        os.close(writing)
        self._identity = _identity(self.reading), _identity(self.writing)
        return True

    def close(self) -> None:
        """Close what is still this pipe's."""
        if self._is_intact():
            os.close(self.reading)
            os.close(self.writing)

    def _is_intact(self) -> bool:
        return (_identity(self.reading), _identity(self.writing)) == self._identity


# As it is before gevent replaces it, for a thread that is real and stays so.
_poll = getattr(select, "poll", None)


def _open() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return _move_up(reading), _move_up(writing)


def _move_up(descriptor: int) -> int:
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST)
    except OSError:  # a low limit
        return descriptor
    os.close(descriptor)
    return moved


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino

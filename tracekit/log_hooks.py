"""Stamp every log record of the process with the IDs of its request."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from tracekit.clients.patching import Patches
from tracekit.logs import UNKNOWN, stamp

_unknown: list[str] = [UNKNOWN]
"""What a record says of an ID outside of any request; empty for nothing at all."""


def say_unknown(yes: bool) -> None:
    """Have records say that an ID is not known, for formats that name it; or nothing of it."""
    _unknown[:] = [UNKNOWN] if yes else []


class LogHooks:
    """The hook on ``logging.Logger.handle``.

    Not on the record factory: a record that comes with a ``request_id`` from there makes the host's
    own ``extra={"request_id": ...}`` raise.
    """

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self) -> None:
        """Put the hook in place."""
        self._patches.wrap(logging.Logger, "handle", _stamping)

    def uninstall(self) -> None:
        """Put the original back."""
        self._patches.restore()


def _stamping(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
        stamp(record, _unknown[0] if _unknown else None)
        original(logger, record)

    return handle

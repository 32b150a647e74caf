"""Swallow tracekit's own faults, so that no mistake of ours reaches the host."""

from __future__ import annotations

import logging
from collections import Counter

_logger = logging.getLogger("tracekit")
_faults: Counter[str] = Counter()


def fault(where: str, error: BaseException) -> None:
    """Count a fault and log the first one of its kind.

    Call it from the ``except`` that keeps our exception out of the host's path. *where* names the
    place (``"asgi.start"``) and is the kind: one warning per *where* on the logger ``tracekit``,
    however often it happens. Never raises.
    """
    warn(where, f"{type(error).__name__}: {said(error)}; tracekit goes on without")


def said(error: BaseException) -> str:
    """Return the message of *error*; the ``__str__`` of a host's one may fail. Never raises."""
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def warn(where: str, message: str) -> None:
    """Count a trouble that is not ours (a collector that is away) and log the first of its kind."""
    count(where)
    if _faults[where] == 1:
        _logger.warning("%s: %s (counted; not logged again)", where, message)


def count(where: str) -> None:
    """Count something worth knowing that is nobody's mistake (a replaced request ID)."""
    _faults[where] += 1


def faults() -> dict[str, int]:
    """Return how often each kind of fault has happened in this process."""
    return dict(_faults)

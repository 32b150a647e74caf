"""From when on a measured time is worth naming, in absolute terms and as a part of its request."""

from __future__ import annotations

LONG_NS = 50_000_000
LONG_SHARE = 0.01
SHORT_NS = 5_000_000
SHORT_SHARE = 0.1


def is_long(ns: int, whole: int) -> bool:
    """Return whether *ns* is long by itself, and no trifle of *whole*."""
    return ns >= max(LONG_NS, LONG_SHARE * whole)


def is_noticeable(ns: int, whole: int) -> bool:
    """Return whether *ns* is long, or short but a tenth of *whole*."""
    return is_long(ns, whole) or ns >= max(SHORT_NS, SHORT_SHARE * whole)

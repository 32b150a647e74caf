"""The rules of a request ID: which ones are accepted, and what replaces the others."""

from __future__ import annotations

import re
from uuid import UUID

from tracekit import guard
from tracekit.ids import new_request_id

HEADER = "X-Request-ID"
"""The header that carries a request ID in and out."""
MAX_LENGTH = 128

_ALLOWED = re.compile(rf"[A-Za-z0-9._~:+/=-]{{1,{MAX_LENGTH}}}")


def is_valid(text: str) -> bool:
    """Tell whether *text* is 1 to 128 characters of ``A-Z a-z 0-9 . _ ~ : + / = -``."""
    return _ALLOWED.fullmatch(text) is not None


def choose(given: object) -> tuple[str, bool]:
    """Return the ID to use, and whether it replaces one that was given and is not acceptable.

    Use it wherever an ID comes from outside. ``None`` means that none was given; a ``UUID`` stands
    for its text, and anything else that is not a ``str`` is not acceptable.
    """
    if given is None:
        return new_request_id(), False
    text = str(given) if isinstance(given, UUID) else given
    if isinstance(text, str) and is_valid(text):
        return text, False
    guard.count("request_id.replaced")
    return new_request_id(), True

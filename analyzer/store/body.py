"""What goes into a store in one piece."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.span import Span


@dataclass(frozen=True)
class Body:
    """Spans that arrived together; with a *digest* a second arrival changes nothing."""

    spans: Sequence[Span]
    digest: str | None = None


@dataclass(frozen=True)
class SpoolMark:
    """How far a spool file is read, in bytes, once the spans beside it are stored."""

    path: str
    read_to: int


def digest_of(body: bytes) -> str:
    """Return the digest under which a body is remembered."""
    return hashlib.sha256(body).hexdigest()

"""Decide what to do about the collector's answer. Pure: no clock, no sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

RETRYABLE = frozenset({429, 502, 503, 504})
"""The only statuses after which a client may send again (OTLP specification, "Failures")."""
ATTEMPTS = 3
LONGEST_PAUSE = 1.0
"""Seconds that the exporter waits before it tries a batch again; longer ones go to the spool."""
SHORTEST_ABSENCE, LONGEST_ABSENCE = 1.0, 30.0
"""Seconds without a try after the collector has not answered: doubled each time, within these."""


class Verdict(Enum):
    """What an answer means for the batch."""

    DELIVERED = auto()
    TRY_AGAIN = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Answer:
    """What came back; no *status* where nothing did."""

    status: int | None = None
    retry_after: float | None = None
    error: BaseException | None = None
    stale: bool = False
    """Nothing came over a connection that had been kept alive."""
    timed_out: bool = False
    """Nothing came in time; the collector may have the batch, or be about to take it."""


def judge(answer: Answer) -> Verdict:
    """Return what *answer* means; whatever is neither success nor retryable is a refusal."""
    if answer.status is None or answer.status in RETRYABLE:
        return Verdict.TRY_AGAIN
    return Verdict.DELIVERED if 200 <= answer.status < 300 else Verdict.REFUSED


def pause_before(attempt: int, answer: Answer) -> float | None:
    """Return the seconds to wait before *attempt* (2, 3, ...), or None to give up for now.

    The first repetition after a kept-alive connection was lost comes at once: that the collector
    had closed it meanwhile is no sign of trouble. After a time-out none comes: the collector is
    slow, and the same batch again would make it slower.
    """
    if attempt > ATTEMPTS or answer.timed_out:
        return None
    if answer.retry_after is not None:
        return answer.retry_after if answer.retry_after <= LONGEST_PAUSE else None
    if answer.stale and attempt == 2:
        return 0.0
    return min(LONGEST_PAUSE, 0.1 * 4.0 ** (attempt - 2))


def absence(failures: int, answer: Answer) -> float:
    """Return the seconds to leave the collector alone after *failures* batches in a row failed."""
    doubled = SHORTEST_ABSENCE * 2 ** min(max(failures - 1, 0), 10)
    return float(min(max(doubled, answer.retry_after or 0.0), LONGEST_ABSENCE))


def parse_retry_after(text: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header; a date is not worth a clock comparison."""
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return None
    return float(text)


def rejected(body: bytes) -> str | None:
    """Return what a successful answer says about spans it did not take; None for nothing."""
    if len(body) < len(b'{"partialSuccess":{}}'):
        return None
    try:
        partial: Any = json.loads(body).get("partialSuccess") or {}
        count = int(partial.get("rejectedSpans") or 0)
    except (ValueError, AttributeError, TypeError):
        return None  # an answer in another form than OTLP JSON says nothing about spans
    return f"{count} spans rejected: {partial.get('errorMessage')}" if count else None

"""Moments as text: local clock time for people, RFC 3339 in UTC for programs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def clock(unix_ns: int, *, milliseconds: bool = False, today: datetime | None = None) -> str:
    """Return local time such as ``12:04:31.207``, with the date before it unless it is today's."""
    moment = _utc(unix_ns).astimezone()
    text = moment.strftime("%H:%M:%S")
    if milliseconds:
        text += f".{unix_ns // 1_000_000 % 1000:03d}"
    is_today = moment.date() == (today or datetime.now()).date()
    return text if is_today else f"{moment:%Y-%m-%d} {text}"


def short_clock(unix_ns: int, *, today: date) -> str:
    """Return ``12:04:31``, or for another day than *today* ``Nov 20 12:04``."""
    moment = _utc(unix_ns).astimezone()
    return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%b %d %H:%M}"


def one_day(unix_ns: Iterable[int]) -> date | None:
    """Return the local day of all these moments, or None where they have several."""
    days = {_utc(moment).astimezone().date() for moment in unix_ns}
    return days.pop() if len(days) == 1 else None


def rfc3339(unix_ns: int) -> str:
    """Return UTC with all nine digits of the second, such as ``2026-11-21T12:04:31.207000123Z``."""
    return f"{_utc(unix_ns):%Y-%m-%dT%H:%M:%S}.{unix_ns % 1_000_000_000:09d}Z"


def _utc(unix_ns: int) -> datetime:
    # Not fromtimestamp: a float holds a Unix time to some 200 ns only.
    return _EPOCH + timedelta(seconds=unix_ns // 1_000_000_000)

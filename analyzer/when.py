"""Durations, moments and time ranges as people type them."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, timezone

from analyzer.errors import BadInput

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_PIECE = re.compile(r"(\d+)(?:\.(\d{1,18}))?\s*(ns|us|µs|ms|min|s|m|h|d)\s*", re.ASCII)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d{3}(\d{3})?)?)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FARTHEST_NS = 2**62  # 146 years: stays inside the 64 bits of a store, with room to add
SEPARATOR = ".."


def parse_duration(text: str) -> int:
    """Return ``250ms``, ``1.5s``, ``2m`` or ``1m30s`` in nanoseconds; raise BadInput for others."""
    rest = text.strip()
    total = 0
    while match := _PIECE.match(rest):
        whole, fraction, unit = match.groups()
        total += int(whole) * _UNITS[unit]
        total += int(fraction or 0) * _UNITS[unit] // 10 ** len(fraction or "")
        rest = rest[match.end() :]
    if rest or not text.strip() or total > _FARTHEST_NS:
        raise BadInput(f'"{text}" is not a duration such as 250ms, 1.5s or 2m')
    return total


def parse_moment(text: str, now: datetime | None = None) -> int:
    """Return the Unix nanoseconds of a moment.

    *text* is an age (``15m``, ``2h``, ``3d``), ``now``, a clock time (``12:00``: the last one that
    has passed) or an ISO date or time; local time unless it says otherwise. Raises BadInput.
    """
    now = (now or datetime.now()).astimezone()
    text = text.strip()
    if text == "now":
        return _unix_ns(now)
    if _is_age(text):
        return _unix_ns(now) - parse_duration(text)
    if _CLOCK.fullmatch(text):
        return _unix_ns(_last(_parse_clock(text), now))
    return _unix_ns(_parse_iso(text))


def parse_range(text: str, now: datetime | None = None) -> tuple[int, int] | None:
    """Return a range such as ``12:00..12:05`` or ``2h..now`` as Unix nanoseconds, end outside.

    None if *text* has no ``..``. An end left out is now. A clock time as the end is of the day of
    the start (or of the day after, where it is earlier), and now at the latest; after an age as
    the start it is the last one that has passed, if that is later. Raises BadInput for ends that
    are not moments, or the wrong way round.
    """
    first, separator, last = text.partition(SEPARATOR)
    if not separator:
        return None
    now = (now or datetime.now()).astimezone()
    since = parse_moment(first, now)
    until = parse_moment(last or "now", now)
    if _CLOCK.fullmatch(last.strip()) and not (_is_age(first.strip()) and until > since):
        until = min(_next(_parse_clock(last.strip()), since), _unix_ns(now))
    if since >= until:
        raise BadInput(f'the range "{text}" ends before it begins')
    return since, until


def _is_age(text: str) -> bool:
    return bool(_PIECE.match(text)) and not text[-1].isdigit()


def _parse_clock(text: str) -> time:
    try:
        return time.fromisoformat(f"0{text}" if text[1] == ":" else text)
    except ValueError:
        raise _not_a_moment(text) from None


def _parse_iso(text: str) -> datetime:
    # Python 3.10 reads no "Z".
    numeric_zone = re.sub("[zZ]$", "+00:00", text)
    try:
        moment = datetime.fromisoformat(numeric_zone).astimezone()
    except (ValueError, OverflowError):
        raise _not_a_moment(text) from None
    if abs(_unix_ns(moment)) > _FARTHEST_NS:
        raise _not_a_moment(text)
    return moment


def _last(clock: time, now: datetime) -> datetime:
    """Return the last moment at which clocks showed *clock*."""
    naive = datetime.combine(now.date(), clock)
    if naive.astimezone() > now:
        naive -= timedelta(days=1)
    return naive.astimezone()


def _next(clock: time, since_ns: int) -> int:
    """Return the first moment from *since_ns* on at which clocks show *clock*."""
    since = (_EPOCH + timedelta(microseconds=since_ns // 1000)).astimezone()
    naive = datetime.combine(since.date(), clock)
    if naive.astimezone() < since:
        naive += timedelta(days=1)
    return _unix_ns(naive.astimezone())


def _unix_ns(moment: datetime) -> int:
    since_epoch = moment - _EPOCH
    seconds = since_epoch.days * 86_400 + since_epoch.seconds
    return seconds * 1_000_000_000 + since_epoch.microseconds * 1_000


def _not_a_moment(text: str) -> BadInput:
    return BadInput(f'"{text}" is not a time: give 15m, 2h, 3d, 12:00, an ISO time or "now"')

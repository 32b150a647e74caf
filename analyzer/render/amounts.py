"""Counts and sizes as text: ``1 chunk``, ``2nd``, ``48.2 kB``."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def counted(number: int, one: str) -> str:
    """Return ``1 call``, ``3 calls``."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``11th``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10)
    return f"{number}{ending or 'th'}"


def amount(size: int) -> str:
    """Return a number of bytes with three significant figures, in powers of 1000."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return f"{size} B"
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f} {_UNITS[unit]}"

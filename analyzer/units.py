"""Durations and shares as text: three significant figures and a unit, one decimal and ``%``.

One rule for every form of output: ``6.00 ms``, ``51.1 ms``, ``604 ms``, ``4.60 s``, ``312 µs``. The
minus sign is U+2212, as wide as the plus.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUS = "−"


@dataclass(frozen=True)
class Unit:
    """A unit of time: its symbol and its length in nanoseconds."""

    symbol: str
    ns: int


_MILLISECOND = Unit("ms", 1_000_000)
_UNITS = (
    Unit("ns", 1),
    Unit("µs", 1_000),
    _MILLISECOND,
    Unit("s", 1_000_000_000),
    Unit("min", 60_000_000_000),
    Unit("h", 3_600_000_000_000),
)


def duration(ns: float) -> str:
    """Return *ns* with three significant figures, such as ``4.60 s``."""
    unit = unit_for(ns)
    return f"{MINUS if ns < 0 else ''}{_figures(abs(ns), unit)} {unit.symbol}"


def roughly(ns: float) -> str:
    """Return what was counted in ticks of milliseconds: ``about 8 ms``, without decimals."""
    in_ms = _MILLISECOND.ns <= ns < 100 * _MILLISECOND.ns
    return f"about {f'{round(ns / _MILLISECOND.ns)} ms' if in_ms else duration(ns)}"


def column(ns: float) -> str:
    """Return :func:`duration` for a right-justified column: the numbers end in one place."""
    text = duration(ns)
    return text + " " if unit_for(ns).symbol in ("s", "h") else text


def signed(ns: float, unit: Unit | None = None) -> str:
    """Return a difference with its sign, such as ``−2.19 s`` or ``+7.00 ms``; zero has none."""
    unit = unit or unit_for(ns)
    return f"{_signed_number(ns, unit, _decimals(abs(ns) / unit.ns, unit))} {unit.symbol}"


def interval(low: float, high: float) -> str:
    """Return an interval of differences in one unit, such as ``−2.22 … −2.16 s``."""
    largest = max(abs(low), abs(high))
    unit = unit_for(largest)
    decimals = _decimals(largest / unit.ns, unit)
    ends = (_signed_number(end, unit, decimals) for end in (low, high))
    return f"{' … '.join(ends)} {unit.symbol}"


def percent(share: float) -> str:
    """Return a fraction as per cent with one decimal; what is too little for that as ``<0.1 %``."""
    return "<0.1 %" if 0 < share < 0.0005 else f"{share * 100:.1f} %"


def unit_for(ns: float) -> Unit:
    """Return the unit in which *ns* reads as 1.00 to 999."""
    if ns == 0:
        return _MILLISECOND
    fitting = (unit for unit in _UNITS if abs(ns) < 999.5 * unit.ns)
    return next(fitting, _UNITS[-1])


def _figures(ns: float, unit: Unit) -> str:
    value = ns / unit.ns
    return f"{value:.{_decimals(value, unit)}f}"


def _decimals(value: float, unit: Unit) -> int:
    if value == 0 or (unit.symbol == "ns" and value == int(value)):
        return 0
    if value < 9.995:
        return 2
    return 1 if value < 99.95 else 0


def _signed_number(ns: float, unit: Unit, decimals: int) -> str:
    number = f"{abs(ns) / unit.ns:.{decimals}f}"
    if not number.strip("0."):
        return number
    return f"{MINUS if ns < 0 else '+'}{number}"

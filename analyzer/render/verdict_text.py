"""Verdicts in words."""

from __future__ import annotations

from collections.abc import Callable

from analyzer.shift import Shift
from analyzer.units import duration
from analyzer.verdict import Outcome, Verdict

STYLES = {
    Outcome.FASTER: "bold green",
    Outcome.FASTER_PERHAPS: "green",
    Outcome.SLOWER: "bold red",
    Outcome.SLOWER_PERHAPS: "red",
}


def words(verdict: Verdict, found: Shift) -> str:
    """Return what *verdict* says about *found*, such as ``faster by 2.19 s``."""
    return _WORDS[verdict.outcome](verdict, found)


def _by(direction: str) -> Callable[[Verdict, Shift], str]:
    return lambda verdict, found: f"{direction} by {duration(abs(found.estimate))}"


def _perhaps(direction: str) -> Callable[[Verdict, Shift], str]:
    return lambda verdict, found: f"{direction}, perhaps by less than {duration(verdict.delta_ns)}"


def _no_change(verdict: Verdict, found: Shift) -> str:
    return f"no change larger than {duration(verdict.delta_ns)}"


def _inconclusive(verdict: Verdict, found: Shift) -> str:
    if verdict.more is None or verdict.more >= 10_000:
        return "inconclusive: very many more needed"
    return f"inconclusive: about {verdict.more} more needed"


def _too_few(verdict: Verdict, found: Shift) -> str:
    return f"too few requests: {verdict.more} more needed"


_WORDS: dict[Outcome, Callable[[Verdict, Shift], str]] = {
    Outcome.FASTER: _by("faster"),
    Outcome.FASTER_PERHAPS: _perhaps("faster"),
    Outcome.NO_CHANGE: _no_change,
    Outcome.SLOWER_PERHAPS: _perhaps("slower"),
    Outcome.SLOWER: _by("slower"),
    Outcome.INCONCLUSIVE: _inconclusive,
    Outcome.TOO_FEW: _too_few,
}

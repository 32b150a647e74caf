"""What the sections on calls and on services share: labelled items with dots, and quality marks.

A value that was not measured carries the mark of its quality: ``~`` derived, ``?`` inferred.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.facts import CallFacts, Quality
from analyzer.quality import quality_of
from analyzer.render.safe import printable
from analyzer.render.sections import ASIDE
from analyzer.service import ServiceFacts

Line = tuple[str, list[str]]
"""A label and what is said under it."""
_MARKS: Mapping[Quality, str] = {"measured": "", "derived": "~", "inferred": "?"}
_INDENT = 10


def mark(facts: CallFacts | ServiceFacts, path: str) -> str:
    """Return the mark of how the field at *path* is known."""
    return _MARKS[facts.quality(path)]


def legend(shown: Iterable[CallFacts]) -> str:
    """Return what the marks mean that *shown* carry."""
    return _meanings({quality for facts in shown for quality in quality_of(facts).values()})


def legend_of(items: Iterable[str]) -> str:
    """Return what the marks mean that are in *items*, before a word."""
    words = [word for item in items for word in item.split()]
    return _meanings({q for q, sign in _MARKS.items() if any(w[0] == sign for w in words)})


def _meanings(used: Collection[Quality]) -> str:
    marks = [f"{sign} {quality}" for quality, sign in _MARKS.items() if sign and quality in used]
    return ", ".join([*marks, "the rest measured"]) if marks else ""


def room_for_items(console: Console) -> int:
    """Return how wide an item may be so that its line is not broken."""
    return max(20, console.width - _INDENT)


def print_items(label: str, items: Sequence[str], console: Console) -> None:
    """Print *items* with dots between them; a line breaks between two, and inside a long one."""
    line = ""
    for item in map(printable, items):
        joined = f"{line} · {item}" if line else item
        if line and _INDENT + cell_len(joined) > console.width:
            _print_line(label, line, console)
            label, joined = "", item
        line = joined
    _print_line(label, line, console)


def _print_line(label: str, line: str, console: Console) -> None:
    style = "not dim red" if label == "error" else "not dim"
    for part in Text(line).wrap(console, room_for_items(console)):
        lead = Text(f"    {label:<6}", style=ASIDE)
        console.print(lead.append(part.plain.rstrip(), style), no_wrap=True, overflow="fold")
        label = ""

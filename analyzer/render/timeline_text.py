"""The timeline of a request: a bar per span and connection phase, on one axis for all services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analyzer.render import bars
from analyzer.render.cells import fit, shorten, width_of
from analyzer.render.collapse import Folded, collapse
from analyzer.render.sections import ASIDE
from analyzer.report import Milestone, Report, TimelineRow
from analyzer.units import column, duration

ROWS = 40
"""Rows shown; a screen or so. The rest is folded."""

_ON_PATH, _OFF_PATH, _PHASE, _MILESTONE = "█", "▄", "░", "◆"
_MEANINGS = {
    _ON_PATH: "critical path",
    _OFF_PATH: "beside it",
    _PHASE: "a call's phases",
    _MILESTONE: "milestone",
}
_SERVICE_COLOURS = ("cyan", "green", "blue", "magenta", "bright_cyan", "bright_green")
_DEEPEST = 8
_LONGEST_NOTE = 24


class _Axis:
    """How the columns of one timeline are divided, and what its colours stand for."""

    def __init__(self, report: Report, lines: Sequence[TimelineRow | Folded], width: int) -> None:
        longest = max((width_of(_label(line)) for line in lines), default=0)
        longest = max([longest, *(width_of(mark.name) + 3 for mark in report.milestones)])
        self.label = max(8, min(longest, width * 3 // 8))
        self.lane = max(8, width - self.label - 10)
        self.total = report.total_ns
        services = dict.fromkeys(row.service for row in report.timeline)
        self.colours = {
            service: _SERVICE_COLOURS[number % len(_SERVICE_COLOURS)]
            for number, service in enumerate(services)
        }


def print_timeline(report: Report, console: Console) -> None:
    """Print the bars, folded to about :data:`ROWS` rows, and what their glyphs mean."""
    lines = collapse(_on_the_way(report.timeline), ROWS)
    axis = _Axis(report, lines, console.width)
    console.print()
    for line in lines:
        text = _folded(line) if isinstance(line, Folded) else _row(line, axis)
        console.print(text, no_wrap=True, overflow="crop")
    for mark in report.milestones:
        console.print(_milestone(mark, axis), no_wrap=True, overflow="crop")
    _print_legend(report, lines, console)


def _on_the_way(rows: Sequence[TimelineRow]) -> list[TimelineRow]:
    """Return *rows* with those on the path, too, that only pass it on to a row below them."""
    drawn: list[TimelineRow] = []
    path_depth = 0
    for row in reversed(rows):
        is_passing_on = row.depth < path_depth
        if row.on_path or is_passing_on:
            path_depth = row.depth
        drawn.append(replace(row, on_path=row.on_path or is_passing_on))
    return drawn[::-1]


def _row(row: TimelineRow, axis: _Axis) -> Text:
    glyph = _glyph(row)
    style = _style(row, axis)
    offset, bar = bars.lane(row.start_ns, row.ns, axis.total, axis.lane, glyph)
    line = Text(" " + fit(_label(row), axis.label) + " ", style="red" if row.error else "")
    line.append_text(_lane(offset, bar, _note(row), axis.lane, style))
    return line.append(f" {column(row.ns):>7}")


def _lane(offset: int, bar: str, note: str, width: int, style: str) -> Text:
    """Place *note* after the bar, else before it, else inside it."""
    note_width = cell_len(note)
    after = width - offset - len(bar)
    if not note:
        return Text(" " * offset).append(bar, style=style).append(" " * after)
    if note_width + 2 <= after:
        line = Text(" " * offset).append(bar, style=style)
        return line.append("  " + note).append(" " * (after - note_width - 2))
    if note_width + 2 <= offset:
        line = Text(" " * (offset - note_width - 2) + note + "  ")
        return line.append(bar, style=style).append(" " * after)
    left = max(0, (len(bar) - note_width - 2) // 2)
    right = max(0, len(bar) - note_width - 2 - left)
    line = Text(" " * offset).append(bar[:left], style=style).append(f" {note} ")
    return line.append(bar[:right], style=style).append(" " * after)


def _milestone(mark: Milestone, axis: _Axis) -> Text:
    offset, _ = bars.lane(mark.at_ns, 0, axis.total, axis.lane)
    line = Text(" " + fit(f"{_MILESTONE} {mark.name}", axis.label) + " ")
    line.append(" " * offset + _MILESTONE + " " * (axis.lane - offset - 1), style="yellow")
    return line.append(f" {column(mark.at_ns):>7}")


def _folded(line: Folded) -> Text:
    spans = "span" if line.count == 1 else "spans"
    words = f"… and {line.count} more {spans}, {duration(line.ns)} together"
    return Text(" " + _indent(line.depth) + words, style=ASIDE)


def _print_legend(report: Report, lines: Sequence[TimelineRow | Folded], console: Console) -> None:
    used = {_glyph(line) for line in lines if isinstance(line, TimelineRow)}
    if report.milestones:
        used.add(_MILESTONE)
    if len(used) < 2:
        return
    words = "   ".join(f"{glyph} {words}" for glyph, words in _MEANINGS.items() if glyph in used)
    console.print(Text(" " + words, style=ASIDE), no_wrap=True, overflow="ellipsis")


def _label(line: TimelineRow | Folded) -> str:
    return _indent(line.depth) + line.label if isinstance(line, TimelineRow) else ""


def _indent(depth: int) -> str:
    return "  " * min(depth, _DEEPEST)


def _note(row: TimelineRow) -> str:
    return shorten(row.note or ("error" if row.error else ""), _LONGEST_NOTE)


def _glyph(row: TimelineRow) -> str:
    if row.phase is not None:
        return _PHASE
    return _ON_PATH if row.on_path else _OFF_PATH


def _style(row: TimelineRow, axis: _Axis) -> str:
    if row.error:
        return "red"
    if row.phase is not None:
        return "red" if row.note else "yellow"
    return axis.colours.get(row.service, "")

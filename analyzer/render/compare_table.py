"""The table of a comparison, for narrow and for wide terminals."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from analyzer.compare import Row
from analyzer.measures import Measure
from analyzer.percentiles import Summary
from analyzer.render.cells import shorten, width_of
from analyzer.render.sections import ASIDE, table
from analyzer.render.verdict_text import STYLES, words
from analyzer.units import column, interval, signed

WIDE = 128
"""Columns from which every number has a column of its own."""

_NONE = "–  "
_BESIDE_NAME = 60
_BESIDE_WIDE_NAME = 106


def comparison_table(rows: Sequence[Row], width: int) -> Table:
    """Return p50 and (where known) p95 of every row, their differences and the verdict."""
    if width >= WIDE:
        return _wide(rows, min(_longest_name(rows), width - _BESIDE_WIDE_NAME))
    return _narrow(rows, max(12, min(_longest_name(rows), width - _BESIDE_NAME)))


def _narrow(rows: Sequence[Row], name_width: int) -> Table:
    """Put what below who, and the verdict below the differences.

    A row says in how many requests it occurred where those are not all of its side.
    """
    made = table(
        ("", "left"),
        ("", "left"),
        ("before", "right"),
        ("after", "right"),
        ("difference, 95 % interval", "left"),
    )
    made.columns[-1].no_wrap = False
    for row in rows:
        who, what = parts(row.measure)
        counts = "" if what and _counts(row) == _counts(rows[0]) else _counts(row)
        what = shorten(what, name_width - len(counts) - 4)
        below = "  ".join(filter(None, (what, counts)))
        made.add_row(
            Text(shorten(who, name_width)).append(f"\n  {below}", ASIDE),
            *_percentiles(row),
            Text("\n".join(f"{by:<8}  {within}" for by, within in _differences(row)))
            .append("\n")
            .append_text(_verdict(row)),
        )
    return made


def _wide(rows: Sequence[Row], name_width: int) -> Table:
    made = table(
        ("", "left"),
        ("n", "left"),
        ("", "left"),
        ("before", "right"),
        ("after", "right"),
        ("difference", "left"),
        ("95 % interval", "left"),
        ("verdict", "left"),
    )
    for row in rows:
        differences = _differences(row)
        made.add_row(
            Text(shorten(_full_name(row), name_width)),
            Text(_counts(row).removeprefix("n ")),
            *_percentiles(row),
            Text("\n".join(by for by, _ in differences)),
            Text("\n".join(within for _, within in differences)),
            _verdict(row),
        )
    return made


def parts(measure: Measure) -> tuple[str, str]:
    """Return who and what a row is about, such as ``stt → preprocessor`` and ``hand-off``."""
    who = f"{measure.service} → {measure.peer}" if measure.peer else measure.service
    if measure.kind == "total":
        return "total", ""
    if measure.kind == "handoff":
        return who, "hand-off"
    return who, f"◆ {measure.name}" if measure.kind == "milestone" else measure.name


def _longest_name(rows: Sequence[Row]) -> int:
    return max(width_of(_full_name(row)) for row in rows)


def _full_name(row: Row) -> str:
    return " ".join(filter(None, parts(row.measure)))


def _counts(row: Row) -> str:
    return f"n {row.before.n}, {row.after.n}"


def _percentiles(row: Row) -> tuple[Text, Text, Text]:
    """Return the cells that name the percentiles and hold those of both sides."""
    before, after = row.before, row.after
    lines = [("p50", _time(before, before.p50), _time(after, after.p50))]
    if before.p95 is not None or after.p95 is not None:
        lines.append(("p95", _time(before, before.p95), _time(after, after.p95)))
    titles, left, right = ("\n".join(cells) for cells in zip(*lines, strict=True))
    return Text(titles, style=ASIDE), Text(left), Text(right)


def _time(side: Summary, ns: float | None) -> str:
    """Return a percentile; a dash where it is not known, or where nothing occurred at all."""
    return _NONE if ns is None or side.n == 0 else column(ns)


def _differences(row: Row) -> list[tuple[str, str]]:
    """Return the difference and its interval, for the shift and then for p95 where known."""
    lines = []
    if row.found is not None:
        known = row.found.low is not None and row.found.high is not None
        within = interval(row.found.low or 0, row.found.high or 0) if known else ""
        lines.append((signed(row.found.estimate), within))
    if row.p95_interval and row.before.p95 is not None and row.after.p95 is not None:
        lines.append((signed(row.after.p95 - row.before.p95), interval(*row.p95_interval)))
    return lines


def _verdict(row: Row) -> Text:
    if row.verdict is None or row.found is None:
        return Text()
    style = STYLES.get(row.verdict.outcome, "")
    return Text.assemble((words(row.verdict, row.found), style))

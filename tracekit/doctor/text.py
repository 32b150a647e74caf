"""The doctor's report as text of 80 columns. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from tracekit.doctor import Report

WIDTH = 80
_WIDEST = 34


def text(report: Report) -> str:
    """Return what ``tracekit doctor`` prints."""
    parts = [
        [f"tracekit {report.tracekit} on Python {report.python}", f"  {report.executable}"],
        _section("Traced here", _packages(report)),
        _section("Other tracing here", _others(report)),
        _section("Spans go to", _destination(report)),
        _section("Settings", _settings(report)),
        list(_problems(report)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [title, *found] if found else []


def _packages(report: Report) -> Iterator[str]:
    rows = []
    for one in report.packages:
        supported = one.supported or "with Python"
        mark = supported if one.is_traced else f"{supported}   NOT TRACED"
        rows.append((one.name, one.kind, one.version, mark))
    return _table(rows)


def _others(report: Report) -> Iterator[str]:
    for one in report.others:
        yield f"  {one.name} {one.version}"
        yield from _wrapped(one.effect, "    ")


def _destination(report: Report) -> Iterator[str]:
    found = report.destination
    if found is None:
        return
    yield f"  {found.place}"
    yield f"    {found.state}"
    if found.kind == "endpoint":
        yield f"  meanwhile, if it is away: {found.spool}"


def _settings(report: Report) -> Iterator[str]:
    return _table([(one.name, one.value, one.source) for one in report.settings])


def _problems(report: Report) -> Iterator[str]:
    if not report.problems:
        yield "Nothing is wrong."
        return
    yield "What is wrong"
    for number, one in enumerate(report.problems, 1):
        yield from _wrapped(one.what, f"{number:2}  ")
        yield from _wrapped(one.mend, "    mend  ")


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    columns = range(len(rows[0]) - 1)
    widths = [min(max(len(row[column]) for row in rows), _WIDEST) for column in columns]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        line = f"  {'  '.join([*cells, row[-1]])}".rstrip()
        if len(line) <= WIDTH:
            yield line
        else:  # a long path: what comes after it goes below
            yield f"  {'  '.join(cells)}".rstrip()
            yield f"  {' ' * widths[0]}  {row[-1]}"


def _wrapped(words: str, first: str) -> list[str]:
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )

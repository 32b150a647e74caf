"""The doctor's report as text of at most 80 columns. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from tracekit.doctor import Report
from tracekit.doctor.installed import Installed

WIDTH = 80
_NARROWEST = 30
_WIDEST = 34


def text(report: Report, width: int = WIDTH) -> str:
    """Return what ``tracekit doctor`` prints, for a terminal of *width* columns."""
    width = max(_NARROWEST, min(width, WIDTH))
    sections: dict[str, Callable[[Report, int], Iterator[str]]] = {
        "Traced here": _packages,
        "Other tracing here": _others,
        "Spans go to": _destination,
        "Settings": _settings,
    }
    parts = [[f"tracekit {report.tracekit} on Python {report.python}", f"  {report.executable}"]]
    parts += [_section(title, lines(report, width)) for title, lines in sections.items()]
    parts.append([*_problems(report, width)])
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [title, *found] if found else []


def _packages(report: Report, width: int) -> Iterator[str]:
    rows = [(one.name, one.kind, one.version, _mark(one)) for one in report.packages]
    return _table(rows, width)


def _mark(one: Installed) -> str:
    supported = one.supported or (f"through {one.through}" if one.through else "with Python")
    return supported if one.is_traced else f"{supported}   NOT TRACED"


def _others(report: Report, width: int) -> Iterator[str]:
    for one in report.others:
        yield f"  {one.name} {one.version}"
        yield from _wrapped(one.effect, "    ", width)


def _destination(report: Report, width: int) -> Iterator[str]:
    found = report.destination
    if found is None:
        yield from _wrapped("nowhere, until the settings below are mended", "  ", width)
        return
    yield f"  {found.place}"
    yield from _wrapped(found.state, "    ", width)
    if found.kind == "endpoint":
        yield from _wrapped(f"meanwhile, if it is away: {found.spool}", "  ", width)


def _settings(report: Report, width: int) -> Iterator[str]:
    return _table([(one.name, one.value, one.source) for one in report.settings], width)


def _problems(report: Report, width: int) -> Iterator[str]:
    if not report.problems:
        yield from _wrapped(_all_is_well(report), "", width)
        return
    yield "What is wrong"
    for number, one in enumerate(report.problems, 1):
        yield from _wrapped(one.what, f"{number:2}  ", width)
        yield from _wrapped(one.mend, "    mend  ", width)


def _all_is_well(report: Report) -> str:
    choices = [one.name for one in report.others if one.is_open]
    if not choices:
        return "Nothing is wrong."
    return (
        "Nothing is wrong for `tracekit run` and `init`. Under `opentelemetry-instrument` there is "
        f"a choice to make first: see {', '.join(choices)} above."
    )


def _table(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    if not rows:
        return
    columns = range(len(rows[0]) - 1)
    widths = [min(max(len(row[column]) for row in rows), _WIDEST) for column in columns]
    for row in rows:
        cells = [cell.ljust(least) for cell, least in zip(row, widths, strict=False)]
        aligned = f"  {'  '.join([*cells, row[-1]])}".rstrip()
        close = f"  {'  '.join([cells[0], *filter(None, row[1:])])}"
        fitting = (line for line in (aligned, close) if len(line) <= width)
        line = next(fitting, None)
        yield from [line] if line else _stacked(row, width)


def _stacked(row: tuple[str, ...], width: int) -> Iterator[str]:
    """Return *row* with what has no room beside its first cell below it."""
    yield f"  {row[0]}"
    rest = [cell for cell in row[1:] if cell]
    line = f"    {'  '.join(rest)}"
    if len(line) <= width:
        yield line
        return
    for cell in rest:
        yield from _wrapped(cell, "    ", width)


def _wrapped(words: str, first: str, width: int) -> list[str]:
    return textwrap.wrap(
        words,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )

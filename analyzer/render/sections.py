"""What the sections of a text report share: headings, tables without borders, wrapped prose."""

from __future__ import annotations

from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analyzer.render.safe import printable

ASIDE = "dim"


def heading(console: Console, title: str, aside: str = "") -> None:
    """Print a blank line and *title*, with *aside* flush right where there is room for it."""
    title = printable(title)
    line = Text(title, style="bold")
    room = console.width - cell_len(title) - cell_len(aside)
    if aside and room >= 2:
        line.append(" " * room + aside, style=f"not bold {ASIDE}")
    console.print()
    console.print(line, no_wrap=True, overflow="ellipsis")


def table(*columns: tuple[str, Literal["left", "right"]]) -> Table:
    """Return a table without lines whose cells are cut with an ellipsis rather than wrapped."""
    made = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=any(title for title, _ in columns),
        header_style=ASIDE,
    )
    for title, justify in columns:
        made.add_column(title, justify=justify, no_wrap=True, overflow="ellipsis")
    return made


def prose(console: Console, label: str, sentence: str, *, indent: int = 4, style: str = "") -> None:
    """Print *sentence* wrapped after a *label* such as ``fix``, hanging below its first word."""
    start = " " * indent + (f"{label:<{max(4, indent + 2)}}" if label else "")
    wrapped = Text(printable(sentence)).wrap(console, max(20, console.width - len(start)))
    for number, line in enumerate(wrapped):
        line.rstrip()
        lead = start if number == 0 else " " * len(start)
        console.print(Text(lead) + Text(line.plain, style=style), no_wrap=True, overflow="fold")

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console


class Paper:
    """A console of a given width that prints to a string."""

    def __init__(self, width: int, encoding: str = "utf-8") -> None:
        self.raw = io.BytesIO()
        self.file = io.TextIOWrapper(self.raw, encoding=encoding, newline="\n")
        self.console = Console(file=self.file, width=width, markup=False, highlight=False)

    @property
    def text(self) -> str:
        self.file.flush()
        return self.raw.getvalue().decode()

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def line_with(self, part: str) -> str:
        return next(line for line in self.lines if part in line)

    @property
    def widest(self) -> int:
        return max(cell_len(line) for line in self.lines)


@pytest.fixture
def paper() -> Callable[..., Paper]:
    return Paper

"""Text in terminal columns: wide characters count twice, what does not fit gets an ellipsis."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from analyzer.render.safe import printable


def fit(text: str, width: int) -> str:
    """Return *text*, made harmless, in exactly *width* columns."""
    text = printable(text)
    if cell_len(text) > width:
        text = set_cell_size(text, max(0, width - 1)).rstrip() + "…"
    return set_cell_size(text, width)


def shorten(text: str, width: int) -> str:
    """Return *text*, made harmless, in at most *width* columns."""
    return fit(text, width).rstrip() if width_of(text) > width else printable(text)


def width_of(text: str) -> int:
    """Return how many columns *text* takes once it is made harmless."""
    return cell_len(printable(text))

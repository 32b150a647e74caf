"""The terminal that reports are printed to."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from analyzer.render.safe import survive_narrow_encoding


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leave a reader that went away to ``cli.main``; rich would exit with 1."""
        self.quiet = True
        raise BrokenPipeError


def open_terminal(*, no_color: bool = False, width: int | None = None) -> Console:
    """Return the console for stdout: its width, or *width*; colour only where it is wanted.

    Colour is left out with *no_color*, with ``NO_COLOR`` set, and where stdout is not a terminal.
    Markup and highlighting are off, because the text comes from spans.
    """
    survive_narrow_encoding(sys.stdout)
    plain = no_color or bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()
    return _Terminal(
        color_system=None if plain else "auto",
        width=width,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )

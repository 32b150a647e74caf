"""Make text from outside harmless on a terminal.

Span names, services, addresses and attribute values are whatever a program put there: they may hold
terminal escapes, line breaks, bidirectional overrides or zero-width characters. Standard library
only, because error messages need it on the base install.
"""

from __future__ import annotations

import codecs
import re
import sys
import unicodedata
from typing import TextIO

LONGEST = 2_000
"""Characters kept of one piece of text; a megabyte in a span name helps nobody at a screen."""

_MARKS_ON_A_LETTER = 2
# Printable by Unicode category and yet without a glyph or a width of their own: joiners, fillers,
# lone jamo, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f-\u11ff\u17b4\u17b5\u180b-\u180f\u2800\u3164\ud7b0-\ud7ff"
    "\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_NEAREST = {
    "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "|", "▎": "|", "▏": "|",
    "▄": "=", "░": ":", "━": "=", "╸": "-", "─": "-", "◆": "*", "│": "|",
    "→": ">", "…": "~", "·": "-", "–": "-", "—": "-", "−": "-", "×": "x", "µ": "u",
    "’": "'", "‘": "'", "“": '"', "”": '"', "≥": ">", "≤": "<", "±": "~", "δ": "d",
}  # fmt: skip
_HANDLER = "tracekit.nearest"


def printable(text: str) -> str:
    """Return *text* on one line with every character that is not plainly visible spelled out.

    Control, format (bidi, zero-width), surrogate, private and unassigned characters become escapes
    as in a Python string. Combining marks stay where they sit on a letter, two at most, so that
    names in every script stay readable and none can climb over its neighbours.
    """
    text = unicodedata.normalize("NFC", text[:LONGEST]) + ("…" if len(text) > LONGEST else "")
    if text.isascii() and text.isprintable():
        return text
    pieces: list[str] = []
    marks = _MARKS_ON_A_LETTER
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        visible = character.isprintable() and not _INVISIBLE.match(character)
        if not visible:
            marks = _MARKS_ON_A_LETTER
        keep = visible and marks <= _MARKS_ON_A_LETTER
        pieces.append(character if keep else _escape(character))
    return "".join(pieces)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def survive_narrow_encoding(stream: TextIO) -> None:
    """Let *stream* print what its encoding lacks as the nearest ASCII, one column for one column.

    With ``LANG=C`` or a legacy code page a bar becomes ``###`` and an arrow ``>``, tables stay
    aligned, and nothing raises UnicodeEncodeError.
    """
    codecs.register_error(_HANDLER, _nearest)
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=_HANDLER)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_NEAREST.get(c, "?" * _columns(c)) for c in missing), error.end


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def print_error(message: str) -> None:
    """Print *message* as the command's one line on stderr."""
    survive_narrow_encoding(sys.stderr)
    print(f"tracekit: {printable(message)}", file=sys.stderr)

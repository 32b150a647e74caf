"""Bars of block characters."""

from __future__ import annotations

_THIN = "▏"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def share_bar(share: float, width: int) -> str:
    """Return a line for *share* (0.0 to 1.0) of *width* columns; a thin line is the least."""
    halves = round(min(1.0, max(0.0, share)) * width * 2)
    if halves == 0:
        return _THIN if share > 0 else ""
    return "━" * (halves // 2) + "╸" * (halves % 2)


def lane(start: int, length: int, total: int, width: int, glyph: str = "█") -> tuple[int, str]:
    """Return where the bar of a span begins in a lane of *width* columns, and the bar.

    The full block ends on an eighth of a column, any other *glyph* on a whole one. Whatever the
    clocks said, the bar stays inside the lane and is at least a thin line.
    """
    total = max(total, 1)
    begin = min(max(0, start), total)
    end = min(max(begin, start + length), total)
    offset = min(begin * width // total, width - 1)
    eighths = max(1, round((end - begin) * width * 8 / total))
    if glyph != "█":
        bar = glyph * (end * width // total - offset) or _THIN
    else:
        bar = glyph * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return offset, bar[: width - offset]

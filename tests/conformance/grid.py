"""The grid of clients and scenarios as the README has it: ``python tests/conformance/grid.py``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.callers import CALLERS
from conformance.cannot import reason
from conformance.scenarios import SCENARIOS

SHOWN = "✓"
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def grid() -> str:
    """Return the Markdown table, and below it why a cell is no tick."""
    notes: list[str] = []
    clients = [kind.name for kind in CALLERS]
    rows = [["", *(f"`{name}`" for name in clients)], ["---", *([":-:"] * len(clients))]]
    for one in SCENARIOS:
        rows.append([one.name, *(_cell(reason(one.name, name), notes) for name in clients)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    reasons = [f"{number}. The client {why}." for number, why in enumerate(notes, 1)]
    return "\n\n".join([table, "\n".join(reasons)])


def _cell(why: str | None, notes: list[str]) -> str:
    if why is None:
        return SHOWN
    if why not in notes:
        notes.append(why)
    return str(notes.index(why) + 1).translate(_RAISED)


if __name__ == "__main__":
    print(grid())

"""The table of servers and scenarios as the README has it: ``python tests/servers/grid.py``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from servers.cannot import reason
from servers.hosts import HOSTS, Host
from servers.scenarios import SCENARIOS

SHOWN = "✓"
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def grid() -> str:
    """Return the Markdown table, and below it what some cells, or some frameworks in them, lack."""
    notes: list[str] = []
    rows = [["", *(f"`{host.name}`" for host in HOSTS)], ["---", *([":-:"] * len(HOSTS))]]
    for one in SCENARIOS:
        rows.append([one.name, *(_cell(one.name, host, notes) for host in HOSTS)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\n" + "\n".join(f"{at}. {why}" for at, why in enumerate(notes, 1))


def _cell(scenario: str, host: Host, notes: list[str]) -> str:
    reasons = [reason(scenario, host.name, framework) for framework in host.frameworks]
    numbers = sorted({_number(why, notes) for why in reasons if why is not None})
    shown = SHOWN if None in reasons else ""
    return shown + " ".join(str(number).translate(_RAISED) for number in numbers)


def _number(why: str, notes: list[str]) -> int:
    if why not in notes:
        notes.append(why)
    return notes.index(why) + 1


if __name__ == "__main__":
    print(grid())

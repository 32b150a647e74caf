"""What a scenario is: a name, and a run that holds a cell's spans against what was done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from servers.cell import Cell

Run = Callable[[Cell], None]


@dataclass(frozen=True)
class Scenario:
    """*run* asserts; *otherwise* does so for a cell that cannot show this, and why it cannot."""

    name: str
    run: Run
    otherwise: Run | None = None

    def instead(self, otherwise: Run) -> Scenario:
        return replace(self, otherwise=otherwise)


def scenario(name: str) -> Callable[[Run], Scenario]:
    """Make the function below a scenario: ``@scenario("streamed")``."""
    return lambda run: Scenario(name, run)

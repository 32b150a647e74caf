"""What a scenario is: a name, and a run that holds what the spans say against what was injected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from conformance.stage import Stage

Run = Callable[[Stage], None]


@dataclass(frozen=True)
class Scenario:
    """*run* asserts; *otherwise* does so for a client that cannot show this, and why it cannot."""

    name: str
    run: Run
    otherwise: Run | None = None
    connects: bool = False
    """About opening connections: run on every event loop there is."""

    def instead(self, otherwise: Run) -> Scenario:
        return replace(self, otherwise=otherwise)


def scenario(name: str, *, connects: bool = False) -> Callable[[Run], Scenario]:
    """Make the function below a scenario: ``@scenario("slow headers")``."""

    def make(run: Run) -> Scenario:
        return Scenario(name, run, connects=connects)

    return make

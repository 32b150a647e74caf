"""What ``tracekit doctor`` finds out about this environment; needs the base install only."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from tracekit.doctor.installed import Installed, Other, installed, others
from tracekit.doctor.problems import Problem, found_in_environment, found_in_packages
from tracekit.doctor.told import Told, told
from tracekit.doctor.whereto import Destination, look_at_destination
from tracekit.errors import ConfigurationError
from tracekit.serving import serving
from tracekit.settings import resolve

__all__ = ["Report", "examine"]


class Report(NamedTuple):
    """All that was found out; nothing in it is a secret."""

    tracekit: str
    python: str
    executable: str
    packages: list[Installed]
    others: list[Other]
    destination: Destination | None
    """None where the settings cannot work."""
    settings: list[Told]
    problems: list[Problem]

    def as_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            **{name: getattr(self, name) for name in ("tracekit", "python", "executable")},
            "packages": [one._asdict() for one in self.packages],
            "others": [one._asdict() for one in self.others],
            "destination": self.destination._asdict() if self.destination else None,
            "settings": [one._asdict() for one in self.settings],
            "problems": [one._asdict() for one in self.problems],
        }


def examine() -> Report:
    """Look at the packages, the settings in the environment and where spans go."""
    environ = os.environ
    packages, foreign = installed(), others()
    problems = [*found_in_environment(environ), *found_in_packages(packages)]
    destination = _destination(problems)
    return Report(
        _version(),
        platform.python_version(),
        sys.executable,
        packages,
        foreign,
        destination,
        told(environ),
        problems,
    )


def _destination(problems: list[Problem]) -> Destination | None:
    try:
        serving()
        destination = look_at_destination(resolve(os.environ))
    except ConfigurationError as error:
        what, _, mend = str(error).partition(": ")
        problems.append(Problem(what, mend or "see the README's settings"))
        return None
    if destination.wrong:
        problems.append(Problem(destination.wrong, destination.mend))
    return destination


def _version() -> str:
    try:
        return version("tracekit")
    except PackageNotFoundError:
        return "unknown"

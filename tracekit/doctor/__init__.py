"""What ``tracekit doctor`` finds out about this environment; needs the base install only."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from tracekit.doctor.checks import check
from tracekit.doctor.doubled import found_in_distros
from tracekit.doctor.installed import Installed, Other, installed, others
from tracekit.doctor.otel_variables import found_in_otel_variables
from tracekit.doctor.problems import Problem, found_in_environment, found_in_packages
from tracekit.doctor.told import Told, told
from tracekit.doctor.whereto import Destination, look_at_destination
from tracekit.settings import Settings

__all__ = ["Report", "examine"]


class Report(NamedTuple):
    """All that was found out; nothing in it is a secret."""

    tracekit: str
    python: str
    executable: str
    packages: list[Installed]
    others: list[Other]
    destination: Destination | None
    """None where the settings that would say it cannot work."""
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
    packages, foreign = installed(), others(environ)
    unusable, settings = check(environ)
    problems = [
        *found_in_environment(environ),
        *unusable,
        *found_in_otel_variables(environ),
        *found_in_packages(packages),
        *found_in_distros(environ),
    ]
    destination = _destination(settings, problems)
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


def _destination(settings: Settings | None, problems: list[Problem]) -> Destination | None:
    if settings is None:
        return None
    destination = look_at_destination(settings)
    if destination.wrong:
        problems.append(Problem(destination.wrong, destination.mend))
    return destination


def _version() -> str:
    try:
        return version("tracekit")
    except PackageNotFoundError:
        return "unknown"

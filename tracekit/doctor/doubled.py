"""Whether ``opentelemetry-instrument`` would trace things twice here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from tracekit.doctor.problems import Problem
from tracekit.doubles import DOUBLES

_DISTRO = "OTEL_PYTHON_DISTRO"
_LEFT_OUT = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def found_in_distros(environ: Mapping[str, str]) -> list[Problem]:
    """Return what the distros and instrumentations installed here make of *environ*."""
    return doubled(
        environ,
        _names(entry_points(group="opentelemetry_distro")),
        _names(entry_points(group="opentelemetry_instrumentor")),
    )


def doubled(
    environ: Mapping[str, str], distros: Iterable[str], instrumentors: Iterable[str]
) -> list[Problem]:
    """Return the problem that a distro besides ours is, where instrumentations double ours. Pure.

    With several distros and none chosen, the first that turns up is taken; only ours leaves out
    the instrumentations of what tracekit traces.
    """
    twice = DOUBLES.intersection(instrumentors) - _left_out(environ)
    chosen = environ.get(_DISTRO)
    may_be_another = chosen != "tracekit" if chosen is not None else bool({*distros} - {"tracekit"})
    if not twice or not may_be_another:
        return []
    what = f"`opentelemetry-instrument` may trace {', '.join(sorted(twice))} twice"
    why = f"{_DISTRO} is {chosen!r}" if chosen else f"{_DISTRO} is unset, and others are installed"
    return [
        Problem(
            f"{what}: {why}",
            f"set {_DISTRO}=tracekit and OTEL_PYTHON_CONFIGURATOR=tracekit, or start services with "
            "`tracekit run`",
        )
    ]


def _left_out(environ: Mapping[str, str]) -> frozenset[str]:
    names = frozenset(name.strip() for name in environ.get(_LEFT_OUT, "").split(","))
    return DOUBLES if "*" in names else names


def _names(found: Iterable[EntryPoint]) -> list[str]:
    return [one.name for one in found]

"""Which packages are here: those that tracekit hooks, and those that trace by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from typing import NamedTuple

from tracekit.clients.libraries import LIBRARIES, Library
from tracekit.frameworks.catalogue import APPLICATIONS, ROUTES, SERVERS, Framework

_SERVER_SIDE = ("asgi", "wsgi", "starlette", "fastapi", "flask", "django")
_TRACERS = {
    "ddtrace": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "elastic-apm": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "newrelic": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "scout-apm": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "sentry-sdk": "traces by itself, not through OpenTelemetry: its spans stay apart",
    "logfire": "sets a TracerProvider of its own, which tracekit joins",
}
_DISTRO = "opentelemetry-distro"
_CHOICE = ("OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR")
UNKNOWN = "unknown"
_PREFIX = "opentelemetry-instrumentation-"


class Installed(NamedTuple):
    """A package that has hooks."""

    kind: str
    """``client``, ``framework`` or ``server``."""
    name: str
    version: str
    supported: str
    is_traced: bool
    through: str = ""
    """The package whose hooks cover it, where it has none of its own."""


class Other(NamedTuple):
    """A package that traces too, and what becomes of it beside tracekit."""

    name: str
    version: str
    effect: str
    is_open: bool = False
    """Whether a choice is to be made between it and tracekit."""


def installed() -> list[Installed]:
    """Return what is installed of that which has hooks."""
    found = [_look("client", library) for library in LIBRARIES]
    found += [_look("framework", library) for library in _once((*ROUTES, *APPLICATIONS))]
    found += [fastapi(one) for one in found if one is not None and one.name == "starlette"]
    found += [_look("server", library) for library in _once(SERVERS)]
    return [one for one in found if one is not None]


def _once(frameworks: tuple[Framework, ...]) -> list[Library]:
    return list({one.library.name: one.library for one in frameworks}.values())


def _look(kind: str, library: Library) -> Installed | None:
    if not library.since:  # it comes with Python
        return Installed(kind, library.name, "", "", is_traced=True)
    try:
        own = _version(library.name)
    except PackageNotFoundError:
        return None
    return Installed(kind, library.name, own, library.range, library.knows_version(own))


def fastapi(starlette: Installed) -> Installed | None:
    """Return FastAPI, whose applications are Starlette's."""
    try:
        own = _version("fastapi")
    except PackageNotFoundError:
        return None
    return Installed("framework", "fastapi", own, "", starlette.is_traced, starlette.name)


def _version(name: str) -> str:
    return _said(distribution(name), "Version") or UNKNOWN


def _said(one: Distribution, field: str) -> str:
    """Return a field of its metadata, of which a broken install may lack any, or all."""
    try:
        found: str | None = one.metadata[field]
    except (KeyError, OSError):
        return ""
    return found or ""


def others(environ: Mapping[str, str]) -> list[Other]:
    """Return the other packages here that trace; *environ* may choose between them and tracekit."""
    found = {}
    for one in distributions():
        name = _said(one, "Name").lower().replace("_", "-")
        effect = _TRACERS.get(name) or _effect(name)
        if name == _DISTRO:
            found[name] = distro(_said(one, "Version") or UNKNOWN, environ)
        elif effect:
            found[name] = Other(name, _said(one, "Version") or UNKNOWN, effect)
    return [found[name] for name in sorted(found)]


def distro(version: str, environ: Mapping[str, str]) -> Other:
    distro, configurator = (environ.get(variable, "") for variable in _CHOICE)
    if distro == "tracekit":  # it brings its configurator along
        configurator = configurator or distro
    if distro and configurator:
        effect = f"configures `opentelemetry-instrument`, unless {_CHOICE[0]} chooses another"
        return Other(_DISTRO, version, f"{effect}: {distro} is chosen")
    how = " and ".join(f"{variable}=tracekit" for variable in _CHOICE)
    effect = f"configures `opentelemetry-instrument` too; choose tracekit's by {how}"
    return Other(_DISTRO, version, effect, is_open=True)


def _effect(name: str) -> str | None:
    if not name.startswith(_PREFIX):
        return None
    if name.removeprefix(_PREFIX) in _SERVER_SIDE:
        return (
            "a second server span for each request, where the application turns it on; "
            "`opentelemetry-instrument` with tracekit leaves it out"
        )
    return "its spans are in the same trace; a client's call stays one span"

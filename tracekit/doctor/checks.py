"""Which settings in the environment cannot work: all of them, where ``init`` names the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tracekit.doctor.problems import Problem
from tracekit.doctor.told import variables_in_effect
from tracekit.errors import ConfigurationError
from tracekit.serving import serving
from tracekit.settings import Settings, resolve

_GIVEN: dict[str, Any] = {
    "trust_incoming": True,
    "capture_request_headers": (),
    "capture_response_headers": (),
    "server_timing": False,
    "traceresponse": False,
}
"""What the middleware takes as arguments, so that it reads one variable at a time."""
_DECIDING = ("endpoint", "headers", "home")
"""The settings without which there is no saying where spans go."""


def check(environ: Mapping[str, str]) -> tuple[list[Problem], Settings | None]:
    """Return what cannot work, and the settings without it; None where these say no place."""
    failed = dict(_failures(environ))
    problems = dict.fromkeys(_problem(error) for error in failed.values())
    if any(name in failed for name in _DECIDING):
        return [*problems], None
    usable = {name: environ[name] for name in environ if name not in _of(failed, environ)}
    return [*problems], resolve(usable)


def _failures(environ: Mapping[str, str]) -> Iterator[tuple[str, ConfigurationError]]:
    yield from _failing("home", lambda: resolve({}))
    for name, variable in variables_in_effect(environ).items():
        alone = {variable: environ[variable]}
        yield from _failing(name, lambda alone=alone: resolve(alone))  # type: ignore[misc]
    for name in _GIVEN:
        others = {one: value for one, value in _GIVEN.items() if one != name}
        yield from _failing(name, lambda others=others: serving(**others))  # type: ignore[misc]


def _failing(name: str, use: Callable[[], object]) -> Iterator[tuple[str, ConfigurationError]]:
    try:
        use()
    except ConfigurationError as error:
        yield name, error


def _of(failed: Mapping[str, object], environ: Mapping[str, str]) -> set[str]:
    in_effect = variables_in_effect(environ)
    return {in_effect[name] for name in failed if name in in_effect}


def _problem(error: ConfigurationError) -> Problem:
    return Problem(error.what, error.mend or "see the README's settings")

"""What is wrong with the ``OTEL_*`` variables that OpenTelemetry's SDK reads by itself. Pure.

It falls back silently for some, and raises for others: some of them when it is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points

from tracekit.doctor.problems import Problem

_SAMPLERS = ("always_on", "always_off", "traceidratio")
SAMPLERS = frozenset((*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS)))
LIMITS = (
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
)
_LONGEST = 40
"""Characters shown of a value that is no good."""


def found_in_otel_variables(environ: Mapping[str, str]) -> list[Problem]:
    """Return what OpenTelemetry refuses, or takes for something else."""
    return [*_propagators(environ), *_limits(environ), *_sampler(environ), *_share(environ)]


def _propagators(environ: Mapping[str, str]) -> Iterator[Problem]:
    text = environ.get("OTEL_PROPAGATORS")
    known = {one.name for one in entry_points(group="opentelemetry_propagator")}
    for name in map(str.strip, text.split(",") if text else ()):
        if name.lower() == "none":  # what comes after it is not looked at
            return
        if name not in known:
            yield Problem(
                f"OTEL_PROPAGATORS has {name[:_LONGEST]!r}, which is not installed: "
                "whatever imports OpenTelemetry fails",
                f"choose of {', '.join(sorted(known))}; or none",
            )


def _limits(environ: Mapping[str, str]) -> Iterator[Problem]:
    for name in LIMITS:
        text = environ.get(name)
        if text is not None and not _is_limit(text):
            yield Problem(
                f"{name} is {text[:_LONGEST]!r}: OpenTelemetry raises ValueError at start",
                "give a whole number from 0, or unset it",
            )


def _is_limit(text: str) -> bool:
    try:
        return text.strip().lower() == "unset" or int(text) >= 0
    except ValueError:
        return False


def _sampler(environ: Mapping[str, str]) -> Iterator[Problem]:
    name = environ.get("OTEL_TRACES_SAMPLER", "")
    others = {one.name for one in entry_points(group="opentelemetry_traces_sampler")}
    if name and name.lower() not in SAMPLERS and name not in others:
        yield Problem(
            f"OTEL_TRACES_SAMPLER is {name[:_LONGEST]!r}, which OpenTelemetry does not know: "
            "every trace is kept",
            f"choose of {', '.join(sorted(SAMPLERS))}",
        )


def _share(environ: Mapping[str, str]) -> Iterator[Problem]:
    text = environ.get("OTEL_TRACES_SAMPLER_ARG", "")
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").lower()
    is_theirs = not sampler or sampler in SAMPLERS  # another one's argument may be anything
    if text and is_theirs and not _is_share(text):
        yield Problem(
            f"OTEL_TRACES_SAMPLER_ARG is {text[:_LONGEST]!r}, which is no share from 0 to 1: "
            "it is ignored",
            "give one such as 0.1, for a tenth of the traces",
        )


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False

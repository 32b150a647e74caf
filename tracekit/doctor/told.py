"""The settings in effect, and which variable each comes from. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from tracekit.redaction import HIDDEN, shown_url

_OTLP = "OTEL_EXPORTER_OTLP"
_SETTINGS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("service", "from init, or from run's command", ("TRACEKIT_SERVICE", "OTEL_SERVICE_NAME")),
    ("version", "none", ("TRACEKIT_VERSION",)),
    ("label", "none", ("TRACEKIT_LABEL",)),
    (
        "endpoint",
        "none: spans go to the spool folder",
        ("TRACEKIT_ENDPOINT", f"{_OTLP}_TRACES_ENDPOINT", f"{_OTLP}_ENDPOINT"),
    ),
    ("headers", "none", (f"{_OTLP}_TRACES_HEADERS", f"{_OTLP}_HEADERS")),
    ("timeout", "10000 ms", (f"{_OTLP}_TRACES_TIMEOUT", f"{_OTLP}_TIMEOUT")),
    ("home", "the user's data folder", ("TRACEKIT_HOME",)),
    ("store", "traces.duckdb in the home folder", ("TRACEKIT_STORE",)),
    ("spool limit", "512 MiB", ("TRACEKIT_SPOOL_LIMIT",)),
    ("trust incoming IDs", "true", ("TRACEKIT_TRUST_INCOMING",)),
    ("request headers", "none", ("TRACEKIT_CAPTURE_REQUEST_HEADERS",)),
    ("response headers", "none", ("TRACEKIT_CAPTURE_RESPONSE_HEADERS",)),
    ("Server-Timing", "false", ("TRACEKIT_SERVER_TIMING",)),
    ("traceresponse", "false", ("TRACEKIT_TRACERESPONSE",)),
    ("IDs in logs", "true", ("TRACEKIT_LOGS",)),
    ("threads", "false", ("TRACEKIT_EXECUTORS",)),
    ("SIGTERM", "true", ("TRACEKIT_SIGTERM",)),
    ("disabled", "false", ("OTEL_SDK_DISABLED",)),
    ("sampler", "parentbased_always_on", ("OTEL_TRACES_SAMPLER",)),
    ("propagators", "tracecontext,baggage", ("OTEL_PROPAGATORS",)),
    ("resource", "none", ("OTEL_RESOURCE_ATTRIBUTES",)),
)
_OF_RUN = ("TRACEKIT_RUN_COMMAND", "TRACEKIT_RUN_UNTRACED")
_PAIRS = ("headers", "resource")
"""Lists of name=value whose values may be secrets: their names are shown."""
# What a name is, and after it more than the "=" at the end of something in Base64.
_PAIR = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*[^=\s].*", re.DOTALL)


class Told(NamedTuple):
    """One setting, as it may be shown."""

    name: str
    value: str
    source: str
    """The variable, or ``default``."""


def told(environ: Mapping[str, str]) -> list[Told]:
    """Return every setting that *environ* says, or leaves at its default."""
    return [_told(environ, *setting) for setting in _SETTINGS]


def known_variables() -> frozenset[str]:
    """Return the names of all variables that are read."""
    return frozenset({*_OF_RUN}.union(*(variables for _, _, variables in _SETTINGS)))


def variables_in_effect(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that each setting comes from, of those that *environ* sets."""
    return {one.name: one.source for one in told(environ) if one.source in environ}


def _told(environ: Mapping[str, str], name: str, default: str, variables: tuple[str, ...]) -> Told:
    for variable in variables:
        value = environ.get(variable, "").strip()
        if value:
            return Told(name, _shown(name, value), variable)
    return Told(name, default, "default")


def _shown(name: str, value: str) -> str:
    if name in _PAIRS:
        return ", ".join(_name(pair) for pair in value.split(",") if pair.strip())
    if name == "endpoint" or (name == "store" and ("://" in value or "@" in value)):
        return shown_url(value)
    return value


def _name(pair: str) -> str:
    found = _PAIR.fullmatch(pair)
    return f"{found[1]}={HIDDEN}" if found else HIDDEN

"""What tracekit is told: arguments, then ``TRACEKIT_*``, then ``OTEL_*``, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_data_path

from tracekit import destination
from tracekit.errors import ConfigurationError

DEFAULT_SERVICE = "unknown_service"
MAX_NAME = 128
"""The longest service name, version or label, in characters."""
DEFAULT_SPOOL_LIMIT = 512 * 1024 * 1024
DEFAULT_TIMEOUT = 10.0
"""Seconds for the collector's answer (OTLP exporter specification)."""

_LARGEST = 2**63 - 1


def home() -> Path:
    """Return the data folder that services and commands share: ``TRACEKIT_HOME`` or the user's.

    Raises ConfigurationError where ``TRACEKIT_HOME`` names the home of a user who does not exist.
    """
    chosen = os.environ.get("TRACEKIT_HOME", "").strip()
    try:
        return Path(chosen).expanduser() if chosen else user_data_path("tracekit", appauthor=False)
    except RuntimeError as error:
        raise ConfigurationError(
            f"TRACEKIT_HOME is {chosen!r}, and no such user has a home here", "give a folder's path"
        ) from error


def spool_folder() -> Path:
    """Return the folder that holds the OTLP files of services without a collector."""
    return home() / "spool"


def store_path() -> Path:
    """Return the default store's file."""
    return home() / "traces.duckdb"


@dataclass(frozen=True)
class Settings:
    """The settings that ``init`` works with, checked."""

    service: str | None = None
    """None where nobody named the service; then a joined provider's own name stays."""
    version: str | None = None
    label: str | None = None
    endpoint: str | None = None
    """The full URL that takes the batches; None writes to the spool."""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = DEFAULT_TIMEOUT
    """Seconds that the collector may take for one answer."""
    clients: bool = True
    sigterm: bool = True
    """Whether a signal that would end the process may wait for the spans to be safe."""
    logs: bool = True
    """Whether log records carry the IDs of their request."""
    executors: bool = False
    """Whether threads and thread pools take the request along by themselves."""
    disabled: bool = False
    spool: Path = field(default_factory=spool_folder)
    spool_limit: int = DEFAULT_SPOOL_LIMIT
    """Bytes that the spool folder may hold; beyond it batches are dropped and counted."""


def resolve(
    environ: Mapping[str, str],
    *,
    service: str | None = None,
    version: str | None = None,
    label: str | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    clients: bool = True,
    sigterm: bool | None = None,
    logs: bool | None = None,
    executors: bool | None = None,
) -> Settings:
    """Return the settings that the arguments and *environ* add up to.

    Raises ConfigurationError, with words that say what to change, for a setting that cannot work.
    """
    read = _Environment(environ)
    url, authorization = destination.url(endpoint, read)
    given = destination.headers(headers, read)
    return Settings(
        service=_name("service name", service or read("TRACEKIT_SERVICE", "OTEL_SERVICE_NAME")),
        version=_name("version", version or read("TRACEKIT_VERSION")),
        label=_name("label", label or read("TRACEKIT_LABEL")),
        endpoint=url,
        headers=destination.joined(authorization, given),
        timeout=_timeout(read),
        clients=clients,
        sigterm=_chosen(sigterm, "TRACEKIT_SIGTERM", read, default=True),
        logs=_chosen(logs, "TRACEKIT_LOGS", read, default=True),
        executors=_chosen(executors, "TRACEKIT_EXECUTORS", read, default=False),
        disabled=(read("OTEL_SDK_DISABLED") or "").lower() == "true",
        spool_limit=_number("TRACEKIT_SPOOL_LIMIT", read, DEFAULT_SPOOL_LIMIT, "bytes"),
    )


class _Environment:
    """Reads the first variable that is set; an empty one counts as unset, as OTel's rules say."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __call__(self, *names: str) -> str | None:
        for name in names:
            value = self._environ.get(name, "").strip()
            if value:
                return value
        return None


def _name(what: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigurationError(f"the {what} must be a string, not {type(value).__name__}")
    if not value.strip():
        return None
    if len(value) > MAX_NAME:
        raise ConfigurationError(
            f"the {what} has {len(value)} characters", f"use at most {MAX_NAME}"
        )
    unprintable = next((sign for sign in value if not sign.isprintable()), None)
    if unprintable is not None:
        raise ConfigurationError(
            f"the {what} {value!r} holds the unprintable character U+{ord(unprintable):04X}",
            "leave it out",
        )
    return value.strip()


def _chosen(given: bool | None, name: str, read: _Environment, *, default: bool) -> bool:
    return switch(name, read(name), default=default) if given is None else given


def switch(name: str, given: str | None, *, default: bool) -> bool:
    """Return what variable *name*, *given* as text, switches; *default* for none.

    Raises ConfigurationError for what is neither.
    """
    text = (given or "").strip().lower()
    if text in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        return text in ("true", "1", "yes", "on")
    if text:
        raise ConfigurationError(f"{name} is {text[:40]!r}", "give true or false")
    return default


def _timeout(read: _Environment) -> float:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"):
        if read(name) is not None:
            return _number(name, read, 10_000, "milliseconds", least=1) / 1000
    return DEFAULT_TIMEOUT


def _number(
    name: str, read: _Environment, default: int, unit: str, *, least: int = 0, most: int = _LARGEST
) -> int:
    text = read(name)
    if text is None:
        return default
    usable = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not usable or not least <= int(text) <= most:
        raise ConfigurationError(
            f"{name} is {text[:40]!r}", f"give a number of {unit}, such as {default}"
        )
    return int(text)

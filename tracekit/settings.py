"""What tracekit is told: arguments, then ``TRACEKIT_*``, then ``OTEL_*``, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from platformdirs import user_data_path

from tracekit.errors import ConfigurationError

DEFAULT_SERVICE = "unknown_service"
MAX_NAME = 128
"""The longest service name, version or label, in characters."""
DEFAULT_SPOOL_LIMIT = 512 * 1024 * 1024

_TRACES_PATH = "/v1/traces"


def home() -> Path:
    """Return the data folder that services and commands share: ``TRACEKIT_HOME`` or the user's."""
    chosen = os.environ.get("TRACEKIT_HOME", "").strip()
    return Path(chosen).expanduser() if chosen else user_data_path("tracekit", appauthor=False)


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
    clients: bool = True
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
) -> Settings:
    """Return the settings that the arguments and *environ* add up to.

    Raises ConfigurationError, with words that say what to change, for a setting that cannot work.
    """
    read = _Environment(environ)
    return Settings(
        service=_name("service name", service or read("TRACEKIT_SERVICE", "OTEL_SERVICE_NAME")),
        version=_name("version", version or read("TRACEKIT_VERSION")),
        label=_name("label", label or read("TRACEKIT_LABEL")),
        endpoint=_endpoint(endpoint, read),
        headers=dict(headers) if headers is not None else _headers(read),
        clients=clients,
        disabled=(read("OTEL_SDK_DISABLED") or "").lower() == "true",
        spool_limit=_bytes("TRACEKIT_SPOOL_LIMIT", read, DEFAULT_SPOOL_LIMIT),
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
    if len(value) > MAX_NAME or not value.isprintable():
        raise ConfigurationError(
            f"the {what} has {len(value)} characters: use at most {MAX_NAME}, all printable"
        )
    return value.strip()


def _endpoint(argument: str | None, read: _Environment) -> str | None:
    # A signal's own variable is used as it is, a base URL gets the signal's path (OTLP exporter
    # specification, "Endpoint URLs for OTLP/HTTP"); ours is a base URL.
    base, named = argument or read("TRACEKIT_ENDPOINT"), "endpoint (TRACEKIT_ENDPOINT)"
    if base is None:
        exact = read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        if exact is not None:
            return _url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", exact)
        base, named = read("OTEL_EXPORTER_OTLP_ENDPOINT"), "OTEL_EXPORTER_OTLP_ENDPOINT"
    if base is None:
        return None
    base = _url(named, base).rstrip("/")
    return base if base.endswith(_TRACES_PATH) else base + _TRACES_PATH


def _url(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except (ValueError, AttributeError):
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{name} is {value!r}: give an http:// or https:// URL such as http://127.0.0.1:4318"
        )
    return value


def _headers(read: _Environment) -> dict[str, str]:
    text = read("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    headers = {}
    for pair in filter(None, map(str.strip, (text or "").split(","))):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(
                f"OTEL_EXPORTER_OTLP_HEADERS has {name.strip()!r} without a value: "
                "write name=value pairs, separated by commas"
            )
        headers[name.strip()] = unquote(value.strip())
    return headers


def _bytes(name: str, read: _Environment, default: int) -> int:
    text = read(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise ConfigurationError(f"{name} is {text!r}: give a number of bytes, such as {default}")
    return int(text)

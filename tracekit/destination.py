"""Where batches are to go, as arguments and variables say it: the URL and its headers, checked."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from tracekit.errors import ConfigurationError
from tracekit.redaction import shown_url

_TRACES_PATH = "/v1/traces"
# RFC 9110, 5.1 and 5.5: a token, and a value without control characters.
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Read(Protocol):
    """Reads the first of the named variables that is set."""

    def __call__(self, *names: str) -> str | None: ...


def url(argument: str | None, read: Read) -> tuple[str | None, dict[str, str]]:
    """Return the URL to post to, None for the spool, and the header that its credentials are.

    Raises ConfigurationError for one that cannot be posted to.
    """
    # A signal's own variable is used as it is, a base URL gets the signal's path (OTLP exporter
    # specification, "Endpoint URLs for OTLP/HTTP"); ours is a base URL.
    base, named = argument or read("TRACEKIT_ENDPOINT"), "endpoint (TRACEKIT_ENDPOINT)"
    if base is None:
        exact = read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        if exact is not None:
            return _apart(_url("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", exact))
        base, named = read("OTEL_EXPORTER_OTLP_ENDPOINT"), "OTEL_EXPORTER_OTLP_ENDPOINT"
    if base is None:
        return None, {}
    parts = _url(named, base)
    if parts.query:
        raise ConfigurationError(
            f"{named} is a base URL, and has a query: {shown_url(base)!r}",
            "leave it out, or give the whole URL in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        )
    path = parts.path.rstrip("/")
    path = path if path.endswith(_TRACES_PATH) else path + _TRACES_PATH
    return _apart(parts._replace(path=path))


def _url(name: str, value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except (ValueError, AttributeError):
        usable = False
    if not usable or "#" in value or not _is_one_word(value):
        raise ConfigurationError(
            f"{name} is {shown_url(str(value))!r}",
            "give an http:// or https:// URL such as http://127.0.0.1:4318, without '#' or spaces",
        )
    return parts


def _is_one_word(value: str) -> bool:
    # urlsplit drops tabs and line ends silently; what is left of them would not be the URL given.
    return value.isprintable() and not any(map(str.isspace, value))


def _apart(parts: SplitResult) -> tuple[str, dict[str, str]]:
    """Part the URL from its credentials, which become a header and so are in no message of ours."""
    credentials, given, place = parts.netloc.rpartition("@")
    url = parts._replace(netloc=place).geturl()
    if not given:
        return url, {}
    user, _, password = credentials.partition(":")
    plain = f"{unquote(user)}:{unquote(password)}".encode()
    return url, {"Authorization": f"Basic {base64.b64encode(plain).decode('ascii')}"}


def headers(argument: Mapping[str, str] | None, read: Read) -> dict[str, str]:
    """Return the headers of every post; ConfigurationError for one that cannot be sent."""
    given = _listed(read) if argument is None else argument
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"headers are a {type(given).__name__}", "give a mapping of names to values"
        )
    for number, (name, value) in enumerate(given.items(), 1):
        _check_header(number, name, value)
    return dict(given)


def joined(authorization: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return all headers; a given ``Authorization`` wins over the URL's credentials."""
    if any(name.lower() == "authorization" for name in given):
        return dict(given)
    return {**authorization, **given}


def _check_header(number: int, name: object, value: object) -> None:
    # The value may be a secret, and so may be a name that is none: no message shows them.
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
        raise ConfigurationError(
            f"the name of header {number} cannot be sent", "use letters, digits and hyphens"
        )
    if not isinstance(value, str) or not _FIELD_VALUE.fullmatch(value):
        raise ConfigurationError(
            f"the value of the header {name!r} cannot be sent",
            "give a string without line ends and other control characters, in Latin-1",
        )


def _listed(read: Read) -> dict[str, str]:
    own, common = "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"
    text = read(own, common)
    listed = {}
    pairs = filter(None, map(str.strip, (text or "").split(",")))
    for number, pair in enumerate(pairs, 1):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(
                f"{own if read(own) else common} has no name=value at place {number}",
                "write name=value pairs, separated by commas",
            )
        listed[name.strip()] = unquote(value.strip())
    return listed

"""What may be a secret is in no report of the doctor and in no error that ``init`` raises."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracekit.destination import headers, url
from tracekit.doctor.told import told
from tracekit.errors import ConfigurationError
from tracekit.redaction import shown_url
from tracekit.transport import Transport

SECRET = "hunter2"
ENDPOINTS = ("TRACEKIT_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXACT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PAIRS = (
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_RESOURCE_ATTRIBUTES",
)
odd = st.text(string.ascii_letters + string.digits + ":/?#@[]%= ,\t\n{}\"'é", max_size=12)
plain = st.text(string.ascii_letters + string.digits + ".-", max_size=8)
schemes = st.sampled_from(("", "http://", "https://", "grpc://", "HTTP://"))


def said(environ: dict[str, str]) -> str:
    """Return all that the doctor and ``init`` say of *environ*."""
    words = json.dumps([one._asdict() for one in told(environ)], ensure_ascii=False)

    def read(*names: str) -> str | None:
        return next((environ[name].strip() for name in names if environ.get(name)), None)

    for use in (url, headers):
        try:
            use(None, read)
        except ConfigurationError as error:
            words += f"{error} {error!r} {error.what} {error.mend}"
    return words


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Draw URLs, whole and broken, with a secret as password, user, query or fragment."""
    scheme, host, path = draw(schemes), draw(plain), draw(plain)
    junk = draw(odd) + SECRET + draw(odd)
    return draw(
        st.sampled_from(
            (
                f"{scheme}user:{junk}@{host}:4318/{path}",
                f"{scheme}{junk}@{host}",
                f"{scheme}{host}:4318/{path}?{junk}",
                f"{scheme}{host}#{junk}",
                f"{scheme}user:{junk}@{host}?{junk}",
                f"{scheme}user:{SECRET}",
            )
        )
    )


@st.composite
def pair_lists(draw: st.DrawFn) -> str:
    """Draw lists of pairs, whole and broken, with a secret in the place of a value."""
    spaces, scheme = draw(st.sampled_from(("", " "))), draw(st.sampled_from(("", "Bearer ")))
    end = draw(st.sampled_from(("", "=", "==", ";", "\n")))
    before = draw(st.sampled_from(("", "a=b,", "a,", ",", "authorization=Basic abc,")))
    separator = draw(st.sampled_from(("=", ":", ": ", " ", "")))
    name = draw(st.sampled_from(("authorization", "x-key", "", '{"a"')))
    if not separator or not name:  # a bare word: what is left is the secret itself
        return f"{before}{scheme}{SECRET}{end}"
    return f"{before}{name}{spaces}{separator}{scheme}{SECRET}{end}"


@given(st.sampled_from((*ENDPOINTS, EXACT, "TRACEKIT_STORE")), urls())
def test_no_url_shows_a_secret(variable: str, value: str) -> None:
    if variable == "TRACEKIT_STORE" and "://" not in value and "@" not in value:
        return  # a path, of which nothing is hidden
    assert SECRET not in said({variable: value})


@given(st.sampled_from(PAIRS), pair_lists())
def test_no_list_of_pairs_shows_a_secret(variable: str, value: str) -> None:
    assert SECRET not in said({variable: value})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("authorization=Bearer x,x-key=y", "authorization=…, x-key=…"),
        ("Bearer x", "…"),
        ("authorization: Bearer x", "…"),
        ("authorization=Basic abc,hunter2==", "authorization=…, …"),
    ],
)
def test_the_names_of_whole_pairs_are_shown(value: str, shown: str) -> None:
    settings = {one.name: one.value for one in told({"OTEL_EXPORTER_OTLP_HEADERS": value})}

    assert settings["headers"] == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
        ("https://c/in?key=1", "https://c/in?…"),
        ("http://c/#part", "http://c/#…"),
        ("http://me:pw@c:4318/x", "http://…@c:4318/x"),
        ("me:pw@c:4318", "…@c:4318"),
        ("me:p://w@c:4318", "…@c:4318"),
        ("http://me:p?w@c", "http://…"),
        ("http://c?a=b@d", "http://…"),
        ("http://me:pw", "http://me:…"),
        ("localhost:4318", "localhost:4318"),
    ],
)
def test_the_rest_of_a_url_is_shown(value: str, shown: str) -> None:
    assert shown_url(value) == shown


def test_a_path_to_the_store_is_shown_whole() -> None:
    settings = {one.name: one.value for one in told({"TRACEKIT_STORE": "/data/a#1.duckdb"})}

    assert settings["store"] == "/data/a#1.duckdb"


def test_a_url_that_only_the_client_refuses_shows_no_query() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Transport(f"http://[::1/?key={SECRET}", {}, 1.0)

    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_error_names_the_variable_and_the_place_of_a_broken_pair(tmp_path: Path) -> None:
    environ = {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b, Bearer x"}

    with pytest.raises(ConfigurationError) as raised:
        headers(None, lambda *names: next(filter(None, map(environ.get, names)), None))

    assert raised.value.what == ("OTEL_EXPORTER_OTLP_TRACES_HEADERS has no name=value at place 2")

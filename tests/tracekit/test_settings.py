from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_data_path

from tracekit import settings
from tracekit.errors import ConfigurationError
from tracekit.settings import resolve


def test_an_argument_wins_over_tracekits_variable_and_that_over_opentelemetrys() -> None:
    environ = {"OTEL_SERVICE_NAME": "otel", "TRACEKIT_SERVICE": "kit"}
    assert resolve(environ, service="arg").service == "arg"
    assert resolve(environ).service == "kit"
    assert resolve({"OTEL_SERVICE_NAME": "otel"}).service == "otel"
    assert resolve({}).service is None


def test_an_empty_variable_counts_as_unset() -> None:
    assert resolve({"TRACEKIT_LABEL": "", "TRACEKIT_ENDPOINT": " "}) == resolve({})


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c/base/"}, "http://c/base/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/here"}, "http://c/here"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://base",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces/x",
            },
            "http://traces/x",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://o", "TRACEKIT_ENDPOINT": "https://t"},
            "https://t/v1/traces",
        ),
        ({"TRACEKIT_ENDPOINT": "http://[::1]:4318/v1/traces"}, "http://[::1]:4318/v1/traces"),
    ],
)
def test_the_endpoint_follows_the_specifications_path_rules(
    environ: dict[str, str], endpoint: str | None
) -> None:
    assert resolve(environ).endpoint == endpoint


def test_headers_are_pairs_with_percent_encoding_and_the_signals_own_win() -> None:
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, tenant=blue"}
    assert resolve(environ).headers == {"api-key": "a b", "tenant": "blue"}
    environ["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] = "x=1"
    assert resolve(environ).headers == {"x": "1"}
    assert resolve(environ, headers={"y": "2"}).headers == {"y": "2"}


def test_the_sdk_can_be_disabled() -> None:
    assert resolve({"OTEL_SDK_DISABLED": "TRUE"}).disabled
    assert not resolve({"OTEL_SDK_DISABLED": "yes"}).disabled


@pytest.mark.parametrize(
    ("environ", "arguments", "words"),
    [
        ({}, {"endpoint": "localhost:4318"}, "http://127.0.0.1:4318"),
        ({}, {"endpoint": "grpc://c:4317"}, "http:// or https://"),
        ({}, {"endpoint": "http://c:port"}, "http:// or https://"),
        ({}, {"endpoint": 4318}, "http:// or https://"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "c"}, {}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "c"}, {}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "key"}, {}, "name=value"),
        ({"TRACEKIT_LABEL": "x" * 129}, {}, "at most 128"),
        ({}, {"label": "a\nb"}, "printable"),
        ({}, {"label": "a\u202eb"}, r"unprintable character U\+202E"),
        ({}, {"service": 7}, "must be a string"),
        ({"TRACEKIT_SPOOL_LIMIT": "1GB"}, {}, "number of bytes"),
        ({"TRACEKIT_SIGTERM": "maybe"}, {}, "TRACEKIT_SIGTERM"),
        ({"TRACEKIT_SPOOL_LIMIT": "9" * 5000}, {}, "number of bytes"),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, {}, "number of milliseconds"),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, {}, "number of milliseconds"),
        ({}, {"endpoint": "http://exa mple:1"}, "without '#' or spaces"),
        ({}, {"endpoint": "http://c:1\n/x"}, "without '#' or spaces"),
        ({}, {"endpoint": "http://c:1/#part"}, "without '#' or spaces"),
        ({"TRACEKIT_ENDPOINT": "http://c/x?key=1"}, {}, "TRACES_ENDPOINT"),
        ({}, {"headers": ["x"]}, "mapping of names to values"),
        ({}, {"headers": {"x": 5}}, "value of the header 'x'"),
        ({}, {"headers": {"x": "y\r\nz: 1"}}, "value of the header 'x'"),
        ({}, {"headers": {"x": "\u20ac"}}, "Latin-1"),
        ({}, {"headers": {"x\n": "y"}}, "letters, digits and hyphens"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0aX: y"}, {}, "value of the header 'a'"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "bad name=3"}, {}, "letters, digits and hyphens"),
    ],
)
def test_a_setting_that_cannot_work_says_what_to_change(
    environ: dict[str, str], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        resolve(environ, **arguments)


def test_credentials_in_the_endpoint_become_basic_authentication() -> None:
    settings = resolve({}, endpoint="http://me:p%40ss@c:4318")
    assert settings.endpoint == "http://c:4318/v1/traces"
    assert settings.headers == {"Authorization": "Basic bWU6cEBzcw=="}
    given = resolve({}, endpoint="http://me:pw@c", headers={"authorization": "Bearer t"})
    assert given.headers == {"authorization": "Bearer t"}


@pytest.mark.parametrize(
    "endpoint", ["http://me:secret@c:port", "me:secret@c", "http://me:se/secret@c"]
)
def test_no_error_shows_credentials(endpoint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolve({}, endpoint=endpoint)
    assert "secret" not in str(raised.value)


def test_a_whole_url_may_have_a_query() -> None:
    environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/in?key=1"}
    assert resolve(environ).endpoint == "https://c/in?key=1"


def test_the_time_for_an_answer_is_in_milliseconds_and_the_signals_own_wins() -> None:
    assert resolve({}).timeout == 10.0
    environ = {"OTEL_EXPORTER_OTLP_TIMEOUT": "2500"}
    assert resolve(environ).timeout == 2.5
    assert resolve({**environ, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "500"}).timeout == 0.5


def test_a_home_of_nobody_says_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEKIT_HOME", "~no-such-user/x")
    with pytest.raises(ConfigurationError, match="TRACEKIT_HOME"):
        resolve({})


def test_home_is_shared_by_services_and_commands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    assert settings.spool_folder() == tmp_path / "spool"
    assert settings.store_path() == tmp_path / "traces.duckdb"
    monkeypatch.delenv("TRACEKIT_HOME")
    assert settings.home() == user_data_path("tracekit", appauthor=False)


@pytest.mark.parametrize(
    ("text", "meant"), [("", True), ("true", True), ("0", False), ("No", False)]
)
def test_signals_are_left_alone_where_that_is_wanted(text: str, meant: bool) -> None:
    assert resolve({"TRACEKIT_SIGTERM": text}).sigterm is meant
    assert resolve({"TRACEKIT_SIGTERM": text}, sigterm=not meant).sigterm is not meant

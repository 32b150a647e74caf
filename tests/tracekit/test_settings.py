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
        ({}, {"service": 7}, "must be a string"),
        ({"TRACEKIT_SPOOL_LIMIT": "1GB"}, {}, "number of bytes"),
    ],
)
def test_a_setting_that_cannot_work_says_what_to_change(
    environ: dict[str, str], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        resolve(environ, **arguments)


def test_home_is_shared_by_services_and_commands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRACEKIT_HOME", str(tmp_path))
    assert settings.spool_folder() == tmp_path / "spool"
    assert settings.store_path() == tmp_path / "traces.duckdb"
    monkeypatch.delenv("TRACEKIT_HOME")
    assert settings.home() == user_data_path("tracekit", appauthor=False)

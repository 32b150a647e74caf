"""``tracekit doctor`` where OpenTelemetry's own variables, or packages, are not in order."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from processes import clean_environment, tracekit

from tracekit.doctor.doubled import doubled
from tracekit.doctor.otel_variables import LIMITS, found_in_otel_variables
from tracekit.errors import ConfigurationError

OURS = {"OTEL_PYTHON_DISTRO": "tracekit"}


def doctor(home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return tracekit("doctor", env=clean_environment(home, **{**OURS, **environ}))


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("OTEL_PROPAGATORS", "nonsense", "tracecontext"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc", "a whole number"),
    ],
)
def test_variables_that_opentelemetry_raises_for_on_import(
    variable: str, value: str, mend: str, tmp_path: Path
) -> None:
    result = doctor(tmp_path, **{variable: value})

    assert (result.returncode, result.stderr) == (1, "")
    wrong = result.stdout.partition("What is wrong")[2]
    assert f"{variable} " in wrong
    assert mend in wrong
    assert " 2  " not in wrong


def test_a_terminal_of_ascii_only(tmp_path: Path) -> None:
    result = doctor(
        tmp_path, PYTHONIOENCODING="ascii", OTEL_RESOURCE_ATTRIBUTES="a=b", TRACEKIT_LABEL="é"
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert "a=~" in result.stdout


def test_a_package_whose_metadata_says_no_version(tmp_path: Path) -> None:
    for name in ("opentelemetry_instrumentation_nothing", "treq"):
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\n")
    (tmp_path / "httpx.dist-info").mkdir()

    result = doctor(tmp_path / "home", PYTHONPATH=str(tmp_path))

    assert (result.returncode, result.stderr) == (0, "")
    assert "opentelemetry-instrumentation-nothing unknown" in result.stdout
    assert "httpx" in result.stdout


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_PROPAGATORS": ""},
        {"OTEL_PROPAGATORS": "tracecontext, baggage,tracekit"},
        {"OTEL_PROPAGATORS": "None"},
        {"OTEL_TRACES_SAMPLER": "ParentBased_TraceIdRatio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
        dict.fromkeys(LIMITS, "10"),
        {LIMITS[0]: "unset"},
    ],
)
def test_variables_that_are_in_order(environ: dict[str, str]) -> None:
    assert found_in_otel_variables(environ) == []


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("OTEL_TRACES_SAMPLER", "foo", "every trace is kept"),
        ("OTEL_TRACES_SAMPLER_ARG", "a tenth", "no share from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "no share from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan", "no share from 0 to 1"),
        ("OTEL_PROPAGATORS", "tracecontext,", "not installed"),
        (LIMITS[0], "-1", "raises ValueError"),
        (LIMITS[0], "", "raises ValueError"),
    ],
)
def test_variables_that_opentelemetry_passes_over_or_refuses(
    variable: str, value: str, what: str
) -> None:
    (problem,) = found_in_otel_variables({variable: value})

    assert problem.what.startswith(f"{variable} ")
    assert what in problem.what


BOTH = ("distro", "tracekit")


@pytest.mark.parametrize(
    ("environ", "distros", "instrumentors"),
    [
        ({}, BOTH, ("tracekit", "redis")),
        ({}, ("tracekit",), ("tracekit", "httpx")),
        (OURS, BOTH, ("tracekit", "httpx")),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "asgi, httpx"}, BOTH, ("httpx",)),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, BOTH, ("httpx",)),
    ],
)
def test_nothing_is_doubled(
    environ: dict[str, str], distros: tuple[str, ...], instrumentors: tuple[str, ...]
) -> None:
    assert doubled(environ, distros, instrumentors) == []


@pytest.mark.parametrize("environ", [{}, {"OTEL_PYTHON_DISTRO": "distro"}])
def test_another_distro_doubles_what_tracekit_traces(environ: dict[str, str]) -> None:
    (problem,) = doubled(environ, BOTH, ("tracekit", "httpx", "redis", "asgi"))

    assert "may trace asgi, httpx twice" in problem.what
    assert "OTEL_PYTHON_DISTRO=tracekit" in problem.mend


def test_a_message_with_a_colon_in_what_is_wrong_is_not_cut_apart(tmp_path: Path) -> None:
    result = doctor(tmp_path, TRACEKIT_SIGTERM="no: never")

    assert "TRACEKIT_SIGTERM is 'no: never'\n    mend  give true or false\n" in result.stdout


def test_an_errors_text_has_both_what_is_wrong_and_what_to_do() -> None:
    assert str(ConfigurationError("a is b", "give c")) == "a is b: give c"
    assert str(ConfigurationError("a is b")) == "a is b"

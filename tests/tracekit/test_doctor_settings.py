"""``tracekit doctor`` names every setting that cannot work, and fits its terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tracekit import ConfigurationError
from tracekit.doctor import Report, examine
from tracekit.doctor.installed import Installed, Other, distro, fastapi
from tracekit.doctor.problems import found_in_packages
from tracekit.doctor.text import text
from tracekit.settings import resolve

BAD = {
    "TRACEKIT_SERVER_TIMING": "ja",
    "TRACEKIT_SPOOL_LIMIT": "lots",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "x",
    "TRACEKIT_TRUST_INCOMING": "maybe",
    "TRACEKIT_SERVICEE": "z",
    "OTEL_TRACES_SAMPLER": "foo",
}


def examined(home: Path | str, **environ: str) -> Report:
    """Examine this process's own environment with nothing but *environ* said in it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("OTEL_", "TRACEKIT_"))]:
            patch.delenv(name)
        chosen = {"OTEL_PYTHON_DISTRO": "tracekit", "TRACEKIT_HOME": str(home), **environ}
        for name, value in chosen.items():
            patch.setenv(name, value)
        return examine()


def test_every_bad_setting_is_named_and_the_place_is_told(tmp_path):
    report = examined(tmp_path, **BAD)

    told = [one.what for one in report.problems]
    assert len(told) == len(BAD), told
    for name in BAD:
        assert sum(f"{name} is" in what for what in told) == 1, (name, told)
    assert report.destination is not None
    assert f"Spans go to\n  {tmp_path}/spool\n" in text(report)


@pytest.mark.parametrize(
    "environ",
    [
        {"TRACEKIT_ENDPOINT": "nowhere"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "nothing"},
        {"TRACEKIT_HOME": "~no-such-user/x"},
    ],
    ids=lambda environ: next(iter(environ)),
)
def test_where_the_place_itself_cannot_be_told_the_others_are(environ, tmp_path):
    report = examined(**{"home": tmp_path, "TRACEKIT_LOGS": "ja", **environ})

    assert len(report.problems) == 2
    assert report.destination is None
    assert "Spans go to\n  nowhere, until the settings below are mended" in text(report)


def test_a_bad_value_that_a_better_variable_hides_is_nothing_wrong(tmp_path):
    hidden = {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "500", "OTEL_EXPORTER_OTLP_TIMEOUT": "x"}

    assert examined(tmp_path, **hidden).problems == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no such place here")
def test_a_home_whose_permissions_promise_too_much_is_wrong():
    report = examined("/proc/home")

    assert [one.what for one in report.problems] == [
        "the spool folder /proc/home/spool cannot be written"
    ]
    assert report.destination is not None
    assert report.destination.state.startswith("not writable")


def test_a_home_that_is_a_link_to_nowhere_is_wrong(tmp_path):
    (tmp_path / "home").symlink_to(tmp_path / "gone")

    assert "cannot be written" in examined(tmp_path / "home").problems[0].what


@pytest.mark.parametrize("made", ["", "home", "home/spool"])
def test_looking_leaves_nothing_behind(made, tmp_path):
    (tmp_path / made).mkdir(parents=True, exist_ok=True)
    before = [*tmp_path.rglob("*")]

    assert examined(tmp_path / "home").problems == []
    assert [*tmp_path.rglob("*")] == before


def test_bytes_are_told_in_the_units_they_are_counted_in(tmp_path):
    said = text(examined(tmp_path))

    assert "0 B of 512 MiB" in said
    assert " 512 MB" not in said


@pytest.mark.parametrize("width", [50, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width, tmp_path):
    spool = str(tmp_path / "home")
    report = examined(spool, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="5000", **BAD)

    lines = text(report._replace(executable="python"), width).splitlines()

    wide = [one for one in lines if len(one) > min(width, 80) and spool not in one]
    assert wide == []
    if width < 80:
        assert "  version             none  default" in lines


def test_fastapi_is_told_beside_starlette(tmp_path):
    packages = {one.name: one for one in examined(tmp_path).packages}

    found = packages["fastapi"]
    assert (found.kind, found.through) == ("framework", "starlette")
    assert found.is_traced
    assert "through starlette" in text(examined(tmp_path))


def test_fastapi_on_a_starlette_that_is_not_known_is_told_once():
    starlette = Installed("framework", "starlette", "9", ">=0.37,<2", is_traced=False)
    found = fastapi(starlette)

    assert found is not None
    assert not found.is_traced
    assert len(found_in_packages([starlette, found])) == 1


def test_a_choice_that_is_open_is_not_passed_over(tmp_path):
    report = examined(tmp_path)._replace(problems=[])
    other = Other("opentelemetry-distro", "1", "configures it too")

    assert text(report._replace(others=[other])).endswith("\n\nNothing is wrong.\n")
    said = text(report._replace(others=[other._replace(is_open=True)]))
    assert "Nothing is wrong for `tracekit run`" in said
    assert "see opentelemetry-distro above" in said.replace("\n", " ")


@pytest.mark.parametrize(
    ("environ", "is_open"),
    [
        ({}, True),
        ({"OTEL_PYTHON_DISTRO": "tracekit"}, False),
        ({"OTEL_PYTHON_DISTRO": "distro"}, True),
        ({"OTEL_PYTHON_CONFIGURATOR": "tracekit"}, True),
        ({"OTEL_PYTHON_DISTRO": "distro", "OTEL_PYTHON_CONFIGURATOR": "configurator"}, False),
    ],
)
def test_the_choice_is_made_by_both_variables_or_by_our_distro(environ, is_open):
    assert distro("1", environ).is_open is is_open


def test_what_init_refuses_is_what_the_doctor_says(tmp_path):
    environ = {"TRACEKIT_SPOOL_LIMIT": "lots"}

    with pytest.raises(ConfigurationError) as raised:
        resolve(environ)

    (problem,) = examined(tmp_path, **environ).problems
    assert f"{problem.what}: {problem.mend}" == str(raised.value)

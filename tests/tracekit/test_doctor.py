"""``tracekit doctor`` says what is traced, where spans go, and what is wrong."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from processes import clean_environment, tracekit
from sockets import Collector, answer, free_port

from tracekit.doctor import Report, examine
from tracekit.doctor.installed import Installed
from tracekit.doctor.problems import found_in_packages
from tracekit.doctor.text import text


def examined(home: Path, **environ: str) -> Report:
    """Examine this process's own environment with nothing but *environ* said in it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("OTEL_", "TRACEKIT_"))]:
            patch.delenv(name)
        said = {"TRACEKIT_HOME": str(home), "OTEL_PYTHON_DISTRO": "tracekit", **environ}
        for name, value in said.items():
            patch.setenv(name, value)
        return examine()


def wrong(home: Path, **environ: str) -> list[str]:
    return [f"{one.what} | {one.mend}" for one in examined(home, **environ).problems]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_an_environment_in_order_exits_with_0_and_80_columns(tmp_path):
    env = clean_environment(tmp_path / "home", OTEL_PYTHON_DISTRO="tracekit")

    result = tracekit("doctor", env=env)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("Nothing is wrong.\n")
    assert sys.executable in result.stdout
    wide = [line for line in result.stdout.splitlines() if len(line) > 80]
    assert [line for line in wide if str(tmp_path) not in line] == []
    assert not (tmp_path / "home").exists()


def test_json_has_all_of_it(tmp_path):
    env = clean_environment(tmp_path, OTEL_PYTHON_DISTRO="tracekit")

    report = json.loads(tracekit("doctor", "--json", env=env).stdout)

    packages = {one["name"]: one for one in report["packages"]}
    assert packages["httpx"]["kind"] == "client"
    assert packages["uvicorn"]["kind"] == "server"
    assert packages["flask"]["is_traced"]
    assert report["destination"]["kind"] == "spool"
    assert {"name": "home", "value": str(tmp_path), "source": "TRACEKIT_HOME"} in report["settings"]
    assert "opentelemetry-instrumentation-asgi" in {one["name"] for one in report["others"]}
    assert report["problems"] == []


def test_something_wrong_exits_with_1_and_says_how_to_mend_it(tmp_path):
    env = clean_environment(tmp_path, TRACEKIT_ENDPOINT="nowhere")

    result = tracekit("doctor", env=env)

    assert result.returncode == 1
    said = " 1  endpoint (TRACEKIT_ENDPOINT) is 'nowhere'\n    mend  give an http://"
    assert said in result.stdout


def test_no_secret_is_shown(home):
    secrets = {
        "TRACEKIT_ENDPOINT": f"http://user:sekret@127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer sekret,x-key=sekret",
        "OTEL_RESOURCE_ATTRIBUTES": "token=sekret",
        "TRACEKIT_STORE": "http://user:sekret@127.0.0.1:1",
    }

    report = examined(home, **secrets)

    assert "sekret" not in text(report) + json.dumps(report.as_json())
    assert "authorization=…, x-key=…" in text(report)


def test_an_endpoint_that_answers_is_told_with_its_time(home):
    collector = Collector()
    with collector.listening() as endpoint:
        found = examined(home, TRACEKIT_ENDPOINT=endpoint)

    assert found.problems == []
    assert found.destination is not None
    assert (found.destination.place, found.destination.status) == (endpoint, 200)
    assert found.destination.milliseconds is not None
    assert json.loads(collector.bodies[0]) == {"resourceSpans": []}


@pytest.mark.parametrize(
    ("status", "mend"),
    [(401, "credentials"), (404, "base URL"), (415, "JSON"), (500, "logs"), (503, "logs")],
)
def test_an_endpoint_that_refuses_is_told_with_its_status(status, mend, home):
    collector = Collector()
    collector.script.append(answer(status))
    with collector.listening() as endpoint:
        (problem,) = wrong(home, TRACEKIT_ENDPOINT=endpoint)

    assert f"answers {status} to a batch" in problem
    assert mend in problem.partition(" | ")[2]


def test_an_endpoint_that_is_away(home):
    (problem,) = wrong(home, TRACEKIT_ENDPOINT=f"http://127.0.0.1:{free_port()}")

    assert "does not answer" in problem
    assert "tracekit serve" in problem


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TRACEKIT_ENPOINT", "x", "is TRACEKIT_ENDPOINT meant?"),
        ("TRACEKIT_Q", "x", "unset TRACEKIT_Q"),
        ("OTEL_SDK_DISABLED", "true", "nothing is traced"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off", "leaves out every trace"),
        ("TRACEKIT_TRUST_INCOMING", "perhaps", "give true or false"),
        ("TRACEKIT_SPOOL_LIMIT", "much", "give a number of bytes"),
    ],
)
def test_a_variable_that_is_wrong(variable, value, told, home):
    (problem,) = wrong(home, **{variable: value})

    assert told in problem


def test_grpcs_port_is_told_apart(home):
    first, *_ = wrong(home, TRACEKIT_ENDPOINT="http://127.0.0.1:4317")

    assert "gRPC" in first
    assert "4318" in first


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_spool_that_cannot_be_written(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)

    (problem,) = wrong(tmp_path / "home")

    assert "cannot be written" in problem


def test_a_spool_folder_that_is_a_file(tmp_path):
    (tmp_path / "home").write_text("no folder")

    (problem,) = wrong(tmp_path / "home")

    assert "cannot be written" in problem


def test_a_spool_that_is_full(home):
    (home / "spool").mkdir(parents=True)
    (home / "spool" / "a.jsonl").write_bytes(b"x" * 100)

    (problem,) = wrong(home, TRACEKIT_SPOOL_LIMIT="100")

    assert "is full" in problem


def test_a_package_of_a_version_that_is_not_known(home):
    old = Installed("client", "httpx", "0.20", ">=0.27,<1", is_traced=False)

    (problem,) = found_in_packages([old])

    assert problem.what == "httpx 0.20 is not traced: tracekit knows >=0.27,<1"
    assert "NOT TRACED" in text(examined(home)._replace(packages=[old]))

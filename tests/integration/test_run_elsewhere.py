"""``tracekit run`` says so where the Python that serves has no tracekit, and only there."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from processes import clean_environment

from analyzer.run_command import environment
from tracekit.auto import lacking, startup

MARK = lacking.UNTRACED
SERVER = "import uvicorn.config; print('serves')"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """Return the folder of another environment, with a server of sorts in it and no tracekit."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    for name in ("uvicorn/__init__", "uvicorn/config", "requests"):
        file = packages / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    for name, code in {"uvicorn": SERVER, "poetry": "import requests; print('runs')"}.items():
        script = folder / "bin" / name
        script.write_text(f"#!{folder}/bin/python\n{code}\n")
        script.chmod(0o755)
    (folder / "job.py").write_text("import requests; print('works')\n")
    return folder


def run(*command: object, home: Path) -> subprocess.CompletedProcess[str]:
    """Run *command* by ``tracekit run``."""
    own = [sys.executable, "-m", "analyzer.cli", "run", "--"]
    return started(*own, *command, home=home, env=clean_environment(home))


def started(
    *command: object, home: Path, env: Mapping[str, str] | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run *command* as ``tracekit run`` does, which is not started for it."""
    words = [str(word) for word in command]
    env = env or environment(clean_environment(home, **more), words)
    return subprocess.run(words, env=env, cwd=home, capture_output=True, text=True, timeout=60)


def told(folder: Path) -> str:
    return (
        f"tracekit: {folder}/bin/python has no tracekit, so it is not traced: install it there,"
        " or run tracekit from there\n"
    )


@pytest.mark.parametrize(
    "command",
    {
        "a script of its own": ["{}/bin/uvicorn", "app:app"],
        "a shell": ["sh", "-c", "true; {}/bin/uvicorn"],
        "env": ["env", "A=b", "{}/bin/uvicorn"],
        "children": [
            "sh",
            "-c",
            "exec {}/bin/python -c 'import os\nos.system(\"{}/bin/uvicorn\")'",
        ],
    }.values(),
)
def test_a_service_that_cannot_be_traced_is_told_in_one_line(command, elsewhere, tmp_path):
    result = started(*(word.replace("{}", str(elsewhere)) for word in command), home=tmp_path)

    assert (result.returncode, result.stdout) == (0, "serves\n")
    assert result.stderr == told(elsewhere)


def test_so_is_a_program_that_only_calls(elsewhere, tmp_path):
    result = run(elsewhere / "bin" / "python", elsewhere / "job.py", home=tmp_path)

    assert (result.stdout, result.stderr) == ("works\n", told(elsewhere))


@pytest.mark.parametrize(
    "command",
    {
        "a launcher": ["{}/bin/poetry"],
        "what may be one": ["sh", "-c", "{}/bin/python {}/job.py | sed s/works/runs/"],
        "nothing of a service": ["{}/bin/python", "-c", "print('runs')"],
        "a Python that is asked something": ["sh", "-c", "{}/bin/python -V >/dev/null; echo runs"],
    }.values(),
)
def test_what_may_be_no_service_goes_on_without_a_word(command, elsewhere, tmp_path):
    result = started(*(word.replace("{}", str(elsewhere)) for word in command), home=tmp_path)

    assert (result.returncode, result.stdout, result.stderr) == (0, "runs\n", "")


def test_a_launcher_by_its_interpreter_goes_on_without_a_word(elsewhere, tmp_path):
    result = run(elsewhere / "bin" / "python", elsewhere / "bin" / "poetry", home=tmp_path)

    assert (result.stdout, result.stderr) == ("runs\n", "")


def test_what_a_traced_service_starts_goes_on_without_a_word(elsewhere, tmp_path):
    code = f"import os; os.system('{elsewhere}/bin/uvicorn')"

    result = started(sys.executable, "-c", code, home=tmp_path)

    assert (result.stdout, result.stderr) == ("serves\n", "")


def test_it_is_told_once_however_many_processes_serve(elsewhere, tmp_path):
    code = f"import os, uvicorn.config, flask; os.system('{elsewhere}/bin/uvicorn')"
    (packages,) = elsewhere.glob("lib/python*/site-packages")
    (packages / "flask.py").write_text("")

    result = started(elsewhere / "bin" / "python", "-c", code, home=tmp_path)

    assert (result.stdout, result.stderr) == ("serves\n", told(elsewhere))


def test_tracekit_that_comes_by_another_way_is_not_missed(elsewhere, tmp_path):
    for name in ("tracekit", "wrapt"):
        (tmp_path / f"{name}.py").write_text("")
    code = f"import sys; sys.path.append('{tmp_path}'); {SERVER}"

    result = started(elsewhere / "bin" / "python", "-c", code, home=tmp_path)

    assert (result.stdout, result.stderr) == ("serves\n", "")


def test_who_has_switched_tracing_off_is_told_nothing(elsewhere, tmp_path):
    result = started(elsewhere / "bin" / "uvicorn", home=tmp_path, OTEL_SDK_DISABLED="true")

    assert (result.stdout, result.stderr) == ("serves\n", "")


def test_a_service_without_stderr_starts_all_the_same(elsewhere, tmp_path):
    result = started("sh", "-c", f"{elsewhere}/bin/uvicorn 2>&-", home=tmp_path)

    assert (result.returncode, result.stdout, result.stderr) == (0, "serves\n", "")


def test_a_python_that_is_too_old_is_told_by_its_version(capsys, monkeypatch):
    monkeypatch.setenv(MARK, "0")
    monkeypatch.setattr(lacking.sys, "version_info", (3, 9, 18))

    lacking.Watch(lacking.SERVING, ("tracekit",)).find_spec("uvicorn.config")

    said = capsys.readouterr().err
    assert "is Python 3.9, so it is not traced: tracekit needs 3.10" in said
    assert MARK not in os.environ


def test_all_is_awaited_that_would_have_been_traced():
    traced = {*startup._SERVING, *startup._CALLING} - {"tracekit"}

    assert traced == lacking.SERVING | lacking.CALLING


def test_an_old_python_can_read_it():
    ast.parse(Path(lacking.__file__).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("command", "is_program"),
    [
        (["python", "job.py"], True),
        (["/venv/bin/python3.12", "-u", "job.py"], True),
        ([r"python.exe", "-m", "shop.jobs"], True),
        (["python", "-m", "pip", "install", "requests"], False),
        (["python3", "/usr/bin/poetry", "run", "job"], False),
        (["pythonic", "job.py"], False),
        (["uv", "run", "python", "job.py"], False),
        (["docker", "run", "shop", "python", "job.py"], False),
    ],
)
def test_what_an_interpreter_is_given_to_run_is_a_program(command, is_program):
    assert environment({}, command)[MARK] == (str(os.getpid()) if is_program else "0")

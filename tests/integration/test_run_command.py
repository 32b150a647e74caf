"""``tracekit run`` leaves a command as it is: its output, input, exit code, signals and files."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import clean_environment, tracekit

from tracekit.auto.command import SITE

RUN = (sys.executable, "-m", "analyzer.cli", "run", "--")
PROGRAM = """
import os, sys, threading
import http.client
print([folder for folder in sys.path if folder.endswith("site")], threading.active_count())
print(sys.stdin.read(), file=sys.stderr)
"""


def run(*command: str, home: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *command],
        env=clean_environment(home, **env),
        capture_output=True,
        text=True,
        input=stdin,
        timeout=60,
    )


def test_a_program_that_serves_nothing_leaves_no_trace_of_ours(tmp_path):
    result = run(sys.executable, "-c", PROGRAM, home=tmp_path / "home", stdin="typed")

    assert (result.returncode, result.stdout, result.stderr) == (0, "[] 1\n", "typed\n")
    assert not (tmp_path / "home").exists()


def test_a_command_that_is_no_python_is_run_too(tmp_path):
    result = run("sh", "-c", "echo out; echo err >&2; exit 7", home=tmp_path / "home")

    assert (result.returncode, result.stdout, result.stderr) == (7, "out\n", "err\n")
    assert not (tmp_path / "home").exists()


def test_a_signal_ends_the_command_itself(tmp_path):
    code = "import requests, sys; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [*RUN, sys.executable, "-c", code],
        env=clean_environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"

    process.terminate()

    assert process.wait(30) == -signal.SIGTERM
    process.communicate()


def test_a_command_that_is_not_found_is_said_in_one_line(tmp_path):
    result = run("no-such-command", home=tmp_path)

    assert result.returncode == 127
    assert result.stderr.startswith("tracekit: no command 'no-such-command'")
    assert result.stderr.count("\n") == 1


def test_a_command_that_cannot_be_executed_is_said_in_one_line(tmp_path):
    (tmp_path / "plain").write_text("no program")

    result = run(str(tmp_path / "plain"), home=tmp_path)

    assert result.returncode == 126
    assert result.stderr == f"tracekit: '{tmp_path}/plain' cannot be run: Permission denied\n"


@pytest.mark.parametrize("arguments", [(), ("--",), ("--service", "shop", "--")])
def test_run_without_a_command_is_wrong_usage(arguments, tmp_path):
    result = tracekit("run", *arguments, env=clean_environment(tmp_path))

    assert result.returncode == 2
    assert result.stderr.startswith("tracekit: run what?")


def test_options_of_the_command_are_the_commands_own(tmp_path):
    result = run(sys.executable, "-c", "import sys; print(sys.argv)", "--help", home=tmp_path)

    assert result.stdout == "['-c', '--help']\n"


@pytest.mark.parametrize(("ends", "code"), [("", 0), ("raise SystemExit(3)", 1)])
def test_a_sitecustomize_that_is_hidden_runs_as_it_would(ends, code, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.told = 'hidden'\n{ends}\n")
    env = {"PYTHONPATH": str(tmp_path)}
    show = "import sys, sitecustomize; print(sys.told, sitecustomize.__file__, sys.path[1])"
    plain = clean_environment(tmp_path, **env)
    bare = subprocess.run([sys.executable, "-c", show], env=plain, capture_output=True, text=True)

    result = run(sys.executable, "-c", show, home=tmp_path, **env)

    assert (result.returncode, result.stdout) == (bare.returncode, bare.stdout)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TRACEKIT_ENDPOINT", "nowhere"), ("TRACEKIT_TRUST_INCOMING", "perhaps")],
)
def test_a_setting_that_cannot_work_is_one_line_and_the_program_goes_on(variable, value, tmp_path):
    serve = "import requests, wsgiref.simple_server; print('goes on')"

    result = run(sys.executable, "-c", serve, home=tmp_path, **{variable: value})

    assert (result.returncode, result.stdout) == (0, "goes on\n")
    assert result.stderr.startswith("tracekit: this process is not traced: ")
    assert value in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_python_without_tracekit_says_so_and_goes_on(tmp_path):
    # -S leaves out site-packages, and with them whatever is installed.
    lacking = "import sys; sys.path[:0] = [sys.argv[1]]; import sitecustomize; print('goes on')"
    result = subprocess.run(
        [sys.executable, "-S", "-c", lacking, SITE],
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert (result.returncode, result.stdout) == (0, "goes on\n")
    assert result.stderr == f"tracekit: {sys.executable} is not traced: No module named 'wrapt'\n"

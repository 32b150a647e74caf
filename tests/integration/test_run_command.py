"""``tracekit run`` leaves a command as it is: its output, input, exit code, signals and files."""

from __future__ import annotations

import ast
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import clean_environment, tracekit

from analyzer.run_command import SITE
from tracekit.auto import bootstrap

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


def test_a_command_beside_our_interpreter_is_found_without_its_folder_in_path(tmp_path):
    result = run("uvicorn", "--version", home=tmp_path / "home", PATH="/usr/bin:/bin")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Running uvicorn")


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


def test_a_python_without_tracekit_goes_on_without_a_word(tmp_path):
    # -S leaves out site-packages, and with them whatever is installed.
    lacking = "import sys; sys.path[:0] = [sys.argv[1]]; import sitecustomize; print('goes on')"
    result = subprocess.run(
        [sys.executable, "-S", "-c", lacking, SITE],
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "goes on\n", "")


def test_an_old_python_can_read_what_it_finds_in_the_path():
    ast.parse((Path(SITE) / "sitecustomize.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", ">&- 2>&-"])
def test_a_command_starts_with_streams_that_are_closed(closed, tmp_path):
    command = shlex.join([*RUN, "sh", "-c", 'echo started > "$0"', str(tmp_path / "file")])

    subprocess.run(
        ["sh", "-c", f"{command} {closed}"], env=clean_environment(tmp_path), check=True, timeout=60
    )

    assert (tmp_path / "file").read_text() == "started\n"


def test_the_empty_command_is_not_found(tmp_path):
    result = run("", home=tmp_path)

    assert (result.returncode, result.stderr.count("\n")) == (127, 1)
    assert result.stderr.startswith("tracekit: no command ''")


def test_a_command_starts_whatever_opentelemetry_cannot_be_imported_with(tmp_path):
    nonsense = {"OTEL_PROPAGATORS": "nonsense"}

    result = run("echo", "started", home=tmp_path, **nonsense)
    serving = run(
        sys.executable, "-c", "import wsgiref.simple_server; print('on')", home=tmp_path, **nonsense
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "started\n", "")
    assert (serving.returncode, serving.stdout) == (0, "on\n")
    assert "is not traced: Propagator nonsense not found" in serving.stderr
    assert serving.stderr.count("\n") == 1


def test_an_exception_without_a_text_is_said_by_its_name(capsys, monkeypatch):
    def fail():
        raise MemoryError

    monkeypatch.setattr(bootstrap, "_done", set())
    monkeypatch.setattr(bootstrap, "serving", fail)

    bootstrap.cover()

    assert capsys.readouterr().err == "tracekit: this process is not traced: MemoryError\n"


def test_what_is_said_of_a_closed_stderr_does_not_go_to_the_commands_output(tmp_path):
    serve = shlex.join([*RUN, sys.executable, "-c", "import requests; print('goes on')"])
    env = clean_environment(tmp_path, TRACEKIT_ENDPOINT="nowhere")

    said = subprocess.check_output(["sh", "-c", f"{serve} 2>&-"], env=env, text=True, timeout=60)

    assert said == "goes on\n"


SPAWN = """
import multiprocessing, os
def told():
    print(repr(os.environ["TRACEKIT_RUN_COMMAND"].split("\\x1f")[-1]), flush=True)
if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=told)
    child.start()
    child.join()
"""


@pytest.mark.parametrize("options", [(), ("-X", "dev", "-W", "ignore"), ("-W", "ignore", "-u")])
def test_a_spawned_child_knows_the_command_that_names_it(options, tmp_path):
    (tmp_path / "shop.py").write_text(SPAWN)

    result = run(sys.executable, *options, str(tmp_path / "shop.py"), home=tmp_path)

    assert result.stdout == f"{str(tmp_path / 'shop.py')!r}\n"

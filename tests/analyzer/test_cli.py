from __future__ import annotations

import importlib.util
import os
import pty
import subprocess
import sys

import pytest

from analyzer.cli import MODULES, build_parser, main

OUTPUT = ["--json", "--no-color", "--width", "100"]
STORE = ["--store", "traces.duckdb"]
EVERY_OPTION = {
    "analyze": ["0af7", *STORE, "--wait", "5", "--overflow", "truncate", *OUTPUT],
    "list": [*STORE, "--since", "15m", "--service", "stt", "--min-duration", "250ms", "--errors",
             "--limit", "5", *OUTPUT],
    "compare": ["before", "after", "--route", "GET /", *STORE, *OUTPUT],
    "import": ["one.jsonl", "two.json", *STORE],
    "serve": ["--host", "0.0.0.0", "--port", "0", *STORE],
    "demo": [*STORE, "--quick", "--keep", "--no-color", "--width", "100"],
    "run": ["--service", "shop", "--label", "after", "--", "uvicorn", "app:app"],
    "doctor": ["--json"],
}  # fmt: skip
COMMANDS = sorted(EVERY_OPTION)
WITHOUT_STORE = ("doctor", "run")

# Stands in for an install without extras: what the base install lacks cannot be imported.
BARE = """
import sys
for name in {lacking}:
    sys.modules[name] = None
from analyzer import cli
sys.exit(cli.main(sys.argv[1:]))
"""
ANALYZER = ("duckdb", "rich", "scipy", "numpy", "starlette", "uvicorn", "google.protobuf")


def bare(*arguments: str, lacking: tuple[str, ...] = ANALYZER) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BARE.format(lacking=lacking), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_command_is_tried_here_and_has_a_module():
    assert sorted(MODULES) == COMMANDS
    for module in MODULES.values():
        assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_parses(command):
    args = build_parser().parse_args([command, *EVERY_OPTION[command]])
    assert args.command == command
    assert getattr(args, "store", None) == (None if command in WITHOUT_STORE else "traces.duckdb")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert ("--store PATH_OR_URL" in capsys.readouterr().out) is (command not in WITHOUT_STORE)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["analyse"],
        ["analyze"],
        ["analyze", "x", "--wait", "soon"],
        ["analyze", "x", "--wait", "nan"],
        ["list", "--limit", "0"],
        ["list", "--limit", "many"],
        ["list", "--limit", "99999999999999999999999"],
        ["list", "--width", "-3"],
        ["serve", "--port", "70000"],
    ],
)
def test_wrong_usage_is_exit_code_two(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "many", "99999999999999999999999", "9" * 5000])
def test_a_wrong_number_is_told_what_it_may_be(limit, capsys):
    with pytest.raises(SystemExit):
        main(["list", "--limit", limit])
    assert "is not a whole number from 1 to 1000000" in capsys.readouterr().err


def test_the_store_can_be_set_once_for_all_commands(monkeypatch):
    monkeypatch.setenv("TRACEKIT_STORE", "elsewhere.duckdb")
    assert build_parser().parse_args(["list"]).store == "elsewhere.duckdb"
    assert build_parser().parse_args(["list", "--store", "here.duckdb"]).store == "here.duckdb"


def test_the_help_needs_no_extra():
    done = bare("--help")
    assert done.returncode == 0, done.stderr
    assert "analyze" in done.stdout


@pytest.mark.parametrize("command", ["analyze", "list", "compare", "import", "serve"])
def test_a_command_that_lacks_its_extra_says_which_one_to_install(command):
    done = bare(command, *EVERY_OPTION[command])
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"tracekit: `tracekit {command}` needs ")
    assert 'pip install "tracekit[analyzer]"' in done.stderr


@pytest.mark.parametrize("lacking", [("waitress",), ("requests",), ANALYZER])
def test_the_demo_says_what_it_lacks_before_it_starts(lacking):
    done = bare("demo", "--quick", lacking=lacking)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tracekit: `tracekit demo` needs more than the base install ")
    assert 'pip install "tracekit[demo]"' in done.stderr


def test_python_dash_m_runs_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "analyzer.cli", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("usage: tracekit ")


SHOW = """
from analyzer.render.terminal import open_terminal
open_terminal(no_color={no_color}).print("x", style="bold red")
"""


def on_a_terminal(*, no_color: bool, **environment: str) -> bytes:
    """Return what a program prints whose stdout is a terminal."""
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", SHOW.format(no_color=no_color)],
        stdout=theirs,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        timeout=60,
        check=True,
    )
    os.close(theirs)
    return os.read(ours, 1000)


def test_a_terminal_gets_colour_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert b"\x1b[" in on_a_terminal(no_color=False)
    assert b"\x1b[" not in on_a_terminal(no_color=True)
    assert b"\x1b[" not in on_a_terminal(no_color=False, NO_COLOR="1")

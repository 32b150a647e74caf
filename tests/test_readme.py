"""What the README says is there is there, and its examples run."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys

import pytest
from processes import CHECKOUT, clean_environment

from analyzer.cli import build_parser
from tracekit.clients.libraries import LIBRARIES

README = (CHECKOUT / "README.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = (
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return dict(action.choices)


@pytest.mark.parametrize("command", commands())
def test_every_command_and_option_is_in_the_readme(command):
    assert f"`tracekit {command}" in README or f"tracekit {command}" in README
    for action in commands()[command]._actions:
        for option in action.option_strings:
            if option not in ("-h", "--help"):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", README), option


def test_the_readme_names_no_option_that_does_not_exist():
    known = {o for p in commands().values() for a in p._actions for o in a.option_strings}
    lines = [line for line in README.splitlines() if "tracekit " in line and "pip" not in line]
    named = {o for line in lines for o in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)}

    assert named <= known | {"--workers"}


def test_ci_runs_the_readme_test_command_to_the_letter():
    command = (CHECKOUT / ".ci" / "run").read_text().splitlines()[-1]

    assert command.endswith("-m pytest")
    assert f"\n{command}\n" in README


@pytest.mark.parametrize("code", CODE, ids=range(len(CODE)))
def test_the_python_examples_of_the_readme_run(code, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr


def test_the_readme_names_every_library_and_its_versions():
    text = " ".join(README.split())
    for library in LIBRARIES:
        if library.since:
            assert f"`{library.name}` {library.range}" in text
        else:
            assert f"`{library.name}`" in text

"""The command of ``tracekit run``: its environment, and its start in the place of this process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path, PurePath


def _folder() -> Path:
    # Without an import: OpenTelemetry's fails with settings of the command's own.
    spec = find_spec("tracekit")
    return Path(spec.origin or "").parent if spec else Path()


SITE = str(_folder() / "auto" / "site")
_INTERPRETER = re.compile(r"(?:python|pypy)[0-9.]*t?(?:\.exe)?")
_LAUNCHERS = frozenset(
    {
        *("build", "conda", "ensurepip", "hatch", "honcho", "nox", "pdm", "pip", "pip3", "pipenv"),
        *("pipx", "poetry", "supervisord", "tox", "uv", "venv", "virtualenv"),
    }
)
"""Python programs that start others, or install them."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""The exit codes that a shell has for it."""


def environment(
    environ: Mapping[str, str],
    command: Sequence[str] = (),
    *,
    service: str | None = None,
    label: str | None = None,
) -> dict[str, str]:
    """Return *environ* with what makes each Python that is started with it trace itself.

    One that cannot be traced tells of it, as this process that *command* takes the place of, or as
    one of its children.
    """
    told = {"TRACEKIT_SERVICE": service, "TRACEKIT_LABEL": label}
    if environ.get("OTEL_SDK_DISABLED", "").lower() != "true":  # else nobody misses a trace
        told["TRACEKIT_RUN_UNTRACED"] = str(os.getpid()) if _is_program(command) else "0"
    path = environ.get("PYTHONPATH")
    if path is None or SITE not in path.split(os.pathsep):
        # The rest to the letter: an empty part of it means the current folder.
        told["PYTHONPATH"] = SITE + os.pathsep + path if path else SITE
    return {**environ, **{name: value for name, value in told.items() if value}}


def _is_program(command: Sequence[str]) -> bool:
    """Tell whether *command* has an interpreter run a program that is itself what is meant."""
    if not command or not _INTERPRETER.fullmatch(PurePath(command[0]).name):
        return False
    return not any(PurePath(word).stem in _LAUNCHERS for word in command[1:])


def execute(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Become *command*, with its signals, terminal and exit code; return only if that failed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # one that is closed
            stream.flush()
    try:
        if sys.platform == "win32":  # there `exec` leaves the terminal to both
            return subprocess.call([*command], env=dict(environ))
        os.execvpe(_program(command[0], environ), [*command], dict(environ))  # noqa: S606
    except (FileNotFoundError, ValueError):  # the latter for the empty word
        return _failed(NOT_FOUND, f"no command {command[0]!r} was found in PATH or at that place")
    except OSError as error:
        return _failed(NOT_EXECUTABLE, f"{command[0]!r} cannot be run: {error.strerror}")


def _program(name: str, environ: Mapping[str, str]) -> str:
    """Return *name*, or what goes by it beside our own interpreter where PATH has none.

    So that ``.venv/bin/tracekit run -- uvicorn`` works in an environment that is not activated.
    """
    if name and shutil.which(name, path=environ.get("PATH")) is None:
        return shutil.which(name, path=str(Path(sys.executable).parent)) or name
    return name


def _failed(code: int, message: str) -> int:
    print(f"tracekit: {message}", file=sys.stderr)
    return code

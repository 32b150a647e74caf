"""Read where an exception was raised out of the text of a Python stack trace. Pure.

The text is whatever an SDK sent: cut off, of another language, or forged by an exception's message.
Nothing here raises, every step is linear in the text's length, and what is not certain is None.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tracekit

_CHAINED = re.compile(
    r"^(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):\n\n"
    r"(?=Traceback |  \+ Exception Group Traceback )",
    re.MULTILINE,
)
_HEADER = re.compile(
    r"^(?:  \+ Exception Group )?Traceback \(most recent call last\):\n", re.MULTILINE
)
_FRAME = re.compile(r'  File "(.+)", line ([0-9]{1,9}), in (.+)')
_GROUP_MARGIN = "  | "
_INSTALLED = re.compile(
    r"/(?:site|dist)-packages/"
    r"|/lib(?:64)?/(?:python|pypy)3\.[0-9]+t?/"  # the standard library, but for Windows's
    r"|\.(?:whl|egg)/"
)
_DRIVE = re.compile("/[A-Za-z]:/")
_COMPILED = (".pyx", ".pxd", ".pxi")
"""Sources of extensions: what is written in Cython is hardly ever the application."""


class Frame(NamedTuple):
    """One line of code that was being run."""

    file: str
    line: int
    function: str


def raised_at(trace: str, kind: str, message: str) -> Frame | None:
    """Return the application's innermost frame in *trace*; without one, the innermost of all.

    *kind* and *message* are the exception's that ended it: of a chain the last, which Python
    writes last. None where *trace* is no Python stack trace, or does not go down to *kind*.
    """
    found = _frames(_last(trace, message), kind.rpartition(".")[2])
    own = (frame for frame in reversed(found) if _is_own(frame.file))
    return next(own, found[-1] if found else None)


def _last(trace: str, message: str) -> str:
    """Return the part of *trace* that is the last exception's own, without its message.

    A message may hold a whole stack trace, such as a worker process's.
    """
    text, said = trace.rstrip("\n"), message.rstrip("\n")
    if text.endswith(said):
        text = text[: len(text) - len(said)]
    start = max((match.end() for match in _CHAINED.finditer(text)), default=0)
    header = _HEADER.search(text, start)
    return text[header.start() :] if header else ""


def _frames(part: str, kind: str) -> list[Frame]:
    """Return the frames in *part*, the outermost first; none unless it ends with a *kind*."""
    frames: list[Frame] = []
    for line in _lines(part):
        if not line.startswith(" "):
            is_whole = line.partition(":")[0].rstrip().rpartition(".")[2] == kind
            return frames if is_whole else []
        frame = _FRAME.fullmatch(line)
        if frame is not None:
            frames.append(Frame(frame[1], int(frame[2]), frame[3]))
    return []


def _lines(part: str) -> Iterator[str]:
    """Yield the lines below the header, without the margin that an exception group has."""
    header, *lines = part.split("\n")
    margin = _GROUP_MARGIN if header.startswith(" ") else ""
    return (line.removeprefix(margin) for line in lines)


def _is_own(file: str) -> bool:
    path = "/" + file.replace("\\", "/")
    if file.startswith("<") or path.endswith(_COMPILED) or _INSTALLED.search(path):
        return False
    inside = path.rpartition("/tracekit/")[2]
    return inside not in _modules_of_tracekit() and not _is_windows_library(path)


def _is_windows_library(path: str) -> bool:
    """Tell whether *path* is in the folder ``Lib`` of an installation: its name varies."""
    if not _DRIVE.match(path):
        return False
    parts = path.lower().split("/")
    return any(
        folder == "lib" and ("python" in above or "conda" in above or over == "envs")
        for over, above, folder in zip(parts, parts[1:], parts[2:], strict=False)
    )


@functools.cache
def _modules_of_tracekit() -> frozenset[str]:
    """Return tracekit's files: where it is installed as a checkout, its folder says nothing.

    A service's own project may be kept in a folder of that name, too.
    """
    folder = Path(tracekit.__file__).parent
    return frozenset(file.relative_to(folder).as_posix() for file in folder.rglob("*.py"))

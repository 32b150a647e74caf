"""Find a service's name in the command that runs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from tracekit.auto.startup import program

# ``module:attribute``, with Hypercorn's kind before it; neither host:8000 nor unix:/a/path.
_TARGET = re.compile(r"(?:(?:asgi|wsgi):)?([A-Za-z_./][\w./\\-]*):[A-Za-z_][\w.]*(?:\(.*\))?")
_MODULE = re.compile(r"(?!.*\.py$)[A-Za-z_][\w.]*")
_SERVERS = (
    "uvicorn",
    "hypercorn",
    "granian",
    "gunicorn",
    "waitress-serve",
    "waitress",
    "daphne",
)
_BY_OPTION = ("flask", "quart", "litestar", "celery", "dramatiq")
_SAYS_NOTHING = ("wsgi", "asgi", "src", "__main__")


def service_name(argv: Sequence[str], environ: Mapping[str, str], folder: str) -> str | None:
    """Return the name of what *argv*, an interpreter's command line in *folder*, runs.

    It is the first package of the application that a server is told to serve, the script, the
    module of ``-m``, or for ``manage.py`` the project's folder. None where the command says nothing
    (``python -c``, a worker that multiprocessing started).
    """
    found, arguments = program(argv)
    if not found:
        return None
    stem = _stem(found)
    if stem in ("manage", "django-admin"):
        return PurePath(folder, found).parent.name or None
    if stem in _SERVERS:
        return _target(arguments, folder) or stem
    if stem in _BY_OPTION:
        told = _option(arguments, ("--app", "-A")) or environ.get(f"{stem.upper()}_APP")
        return _of_module(told.partition(":")[0], folder) if told else _folder(folder) or stem
    if stem == "fastapi":
        return _fastapi(arguments, folder) or stem
    return _of_module(found, folder)


def _target(arguments: Sequence[str], folder: str) -> str | None:
    for argument in arguments:
        found = _TARGET.fullmatch(argument)
        if found is not None:
            return _of_module(found[1], folder)
    module = _module_alone(arguments)
    return _of_module(module, folder) if module else None


def _module_alone(arguments: Sequence[str]) -> str | None:
    """Return the word that names a module without an attribute, as gunicorn and Hypercorn take it.

    It follows no option, whose value it might be, or it is the last word.
    """
    before = ["", *arguments[:-1]]
    for word, previous in zip(arguments, before, strict=True):
        if _MODULE.fullmatch(word) and not previous.startswith("-"):
            return word
    return arguments[-1] if arguments and _MODULE.fullmatch(arguments[-1]) else None


def _fastapi(arguments: Sequence[str], folder: str) -> str | None:
    told = _option(arguments, ("--entrypoint", "-e"))
    if told:
        return _of_module(told.partition(":")[0], folder)
    file = next((argument for argument in arguments if argument.endswith(".py")), None)
    return _of_module(file, folder) if file else _folder(folder)


def _option(arguments: Sequence[str], names: Sequence[str]) -> str | None:
    for argument, following in zip(arguments, [*arguments[1:], None], strict=True):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else following
    return None


def _of_module(module: str, folder: str) -> str | None:
    """Return the name that dotted *module*, or a file's path, gives its service."""
    if "/" in module or "\\" in module or module.endswith(".py"):
        path = PurePath(folder, module)
        name = path.stem
        return (name if name not in _SAYS_NOTHING else path.parent.name) or None
    parts = [part for part in module.split(".") if part and part not in _SAYS_NOTHING]
    return parts[0] if parts else _folder(folder)


def _folder(folder: str) -> str | None:
    return PurePath(folder).name or None


def _stem(program: str) -> str:
    name = PurePath(program).name
    return name.removesuffix(".py").removesuffix(".exe").partition(".")[0]

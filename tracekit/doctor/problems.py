"""What is wrong, and how to mend it: in the environment's variables and its packages. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from tracekit.doctor.installed import Installed
from tracekit.doctor.told import known_variables

_OURS = "TRACEKIT_"
_GRPC_PORT = 4317
_ENDPOINTS = ("TRACEKIT_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Problem(NamedTuple):
    """Something that is wrong."""

    what: str
    mend: str


def found_in_environment(environ: Mapping[str, str]) -> list[Problem]:
    """Return what the variables get wrong that ``init`` would take."""
    return [*_unknown(environ), *_switched_off(environ), *_grpc(environ)]


def found_in_packages(packages: Iterable[Installed]) -> list[Problem]:
    """Return the packages that are installed and cannot be traced."""
    return [
        Problem(
            f"{one.name} {one.version} is not traced: tracekit knows {one.supported}",
            f'pip install "{one.name}{one.supported}", or a newer tracekit',
        )
        for one in packages
        if not one.is_traced and not one.through
    ]


def _unknown(environ: Mapping[str, str]) -> list[Problem]:
    known = known_variables()
    names = sorted(n for n in environ if n.startswith(_OURS) and n not in known)
    return [Problem(f"{name} is none of tracekit's variables", _nearest(name)) for name in names]


def _nearest(name: str) -> str:
    known = [one.removeprefix(_OURS) for one in known_variables()]
    near = difflib.get_close_matches(name.removeprefix(_OURS), known, n=1)
    return f"is {_OURS}{near[0]} meant?" if near else f"unset {name}"


def _switched_off(environ: Mapping[str, str]) -> list[Problem]:
    found = []
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        found.append(Problem("OTEL_SDK_DISABLED is true: nothing is traced", "unset it"))
    if environ.get("OTEL_TRACES_SAMPLER", "").strip().endswith("always_off"):
        found.append(
            Problem(
                "OTEL_TRACES_SAMPLER leaves out every trace that begins here",
                "unset it, or choose parentbased_traceidratio with a share in "
                "OTEL_TRACES_SAMPLER_ARG",
            )
        )
    return found


def _grpc(environ: Mapping[str, str]) -> list[Problem]:
    for name in _ENDPOINTS:
        try:
            port = urlsplit(environ.get(name, "")).port
        except ValueError:  # `init` says it better
            continue
        if port == _GRPC_PORT:
            what = f"{name} has port {_GRPC_PORT}, where collectors speak gRPC; tracekit does not"
            return [Problem(what, "give the port of OTLP over HTTP, mostly 4318")]
    return []

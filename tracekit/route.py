"""Find the route template that a framework matched, where it tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracekit import guard

_CONVERTED = ("int", "float", "UUID")
"""Types whose text in a path is not always the one that ``str`` gives."""


def asgi_route(scope: Mapping[str, Any], told: str | None = None) -> str | None:
    """Return the template that the application's router matched, mounts included; None if unknown.

    Starlette and FastAPI leave the route in the *scope*; other routers leave the parameters at
    least, and the template is the path with these put back. *told* is the template that an
    application below the mounts has told otherwise (Django). Ask after the application has routed.
    Never raises.
    """
    try:
        # FastAPI keeps an included route's whole template beside the route, which has a part.
        included = scope.get("fastapi", {}).get("effective_route_context")
        path = getattr(included or scope.get("route"), "path", None)
        if isinstance(path, str):
            return _below_mounts(scope, path, told, hasattr(scope["route"], "endpoint"))
        if "app_root_path" in scope:  # nothing matched but a mount of FastAPI's
            return _below_mounts(scope, "", told, is_whole=False) or None
        return told or _with_parameters(scope)
    except Exception as error:
        guard.fault("asgi.route", error)
        return None


def _below_mounts(scope: Mapping[str, Any], path: str, told: str | None, is_whole: bool) -> str:
    if "app_root_path" not in scope:
        return path
    # Starlette keeps only the matched prefix; its parameters are put back, to bound the routes.
    prefix = str(scope["root_path"])[len(scope["app_root_path"]) :]
    own = path if is_whole else ""
    parameters = scope.get("path_params", {}).items()
    prefix = _template(prefix, [(n, v) for n, v in parameters if f"{{{n}" not in own])
    # A mount's own path is already in the prefix.
    return prefix + (path if is_whole else told or "") or path


def _with_parameters(scope: Mapping[str, Any]) -> str | None:
    """Return the path with the router's parameters put back; None where no router left any."""
    parameters = scope.get("path_params") or scope.get("url_route", {}).get("kwargs")
    if not parameters:
        return None
    prefix = str(scope.get("root_path", ""))
    path = str(scope["path"])
    found = _template(path[len(prefix) :] if path.startswith(prefix) else path, parameters.items())
    return found if "{" in found else None  # with no parameter found, any path could be a route


def _template(path: str, parameters: Iterable[tuple[str, Any]]) -> str:
    """Return *path* with the segments that hold the *parameters*' values named, each one once."""
    parts = path.split("/")
    for name, value in parameters:
        if "/" in str(value):  # it runs over several segments
            parts = "/".join(parts).replace(str(value), f"{{{name}}}", 1).split("/")
            continue
        for index, part in enumerate(parts):
            if _is_text_of(part, value):
                parts[index] = f"{{{name}}}"
                break
    return "/".join(parts)


def _is_text_of(part: str, value: Any) -> bool:
    if part == str(value):
        return bool(part)
    if type(value).__name__ not in _CONVERTED or not part:
        return False
    try:
        return bool(type(value)(part) == value)
    except ValueError:
        return False


def arrival(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Return what ``wsgi_route`` compares with: where the request's path was cut as it came."""
    return str(environ.get("SCRIPT_NAME", "")), str(environ.get("PATH_INFO", ""))


def wsgi_route(
    environ: Mapping[str, Any], told: str | None = None, came: tuple[str, str] | None = None
) -> str | None:
    """Return the rule that Flask matched, or what was *told* (Django), with the mounts before it.

    *came* is what ``arrival`` returned. A mount moves a part of the path from ``PATH_INFO`` to
    ``SCRIPT_NAME``; what a proxy's header puts there is none. None if unknown. Never raises.
    """
    try:
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        route = getattr(rule, "rule", None) or told
        return route and _moved(environ, came) + str(route)
    except Exception as error:
        guard.fault("wsgi.route", error)
        return None


def _moved(environ: Mapping[str, Any], came: tuple[str, str] | None) -> str:
    if came is None:
        return ""
    name, path = arrival(environ)
    moved = name[len(came[0]) :] if name.startswith(came[0]) else ""
    return moved if moved and came[1] == moved + path else ""

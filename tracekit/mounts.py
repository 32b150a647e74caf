"""Read a route's whole template out of the routes of Starlette and FastAPI, mounts included."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_KEPT = "_tracekit_templates"
"""Where a router keeps what has been read: it lives as long as the router."""
_MOST_LOST = 100
"""So many that match without being among the routes; then no more are looked for."""
_DEEPEST = 16
_PARAMETER = re.compile(r"\{\w+(?::(\w+))?\}")
_ONE_SEGMENT = (None, "str", "int", "float", "uuid")


class Template(NamedTuple):
    """The whole path of a route; of a mount, which hands on what follows it, the beginning."""

    text: str
    is_mount: bool


class Templates:
    """What is known of one router's routes: the templates of each, and of each endpoint."""

    def __init__(self, router: Any) -> None:
        # With their owners, which their number must not outlive.
        self._by_id: dict[int, tuple[Any, list[Template]]] = {}
        self._lost: dict[int, tuple[Any, list[Template]]] = {}
        self._read(router)

    def of(self, router: Any, route: Any, endpoint: Any) -> list[Template]:
        """Return the templates by which *endpoint* is reached, as *route* where that is known."""
        owner = endpoint if route is None else route
        found = self._by_id.get(id(owner)) or self._lost.get(id(owner))
        if found is not None and found[0] is owner:
            return found[1]
        if len(self._lost) >= _MOST_LOST:
            return []
        self._read(router)  # it may have been added since
        found = self._by_id.get(id(owner))
        if found is None:  # FastAPI makes some anew when it includes them
            found = owner, self._by_id.get(id(endpoint), (None, []))[1]
            self._lost[id(owner)] = found
        return found[1]

    def _read(self, router: Any) -> None:
        found: dict[int, tuple[Any, list[Template]]] = {}
        for route, endpoint, template in _walk(router.routes, "", 0):
            for owner in (route, endpoint):
                templates = found.setdefault(id(owner), (owner, []))[1]
                if template not in templates:
                    templates.append(template)
        self._by_id = found


def template(scope: Mapping[str, Any]) -> Template | None:
    """Return what the outermost router's routes say of the one that was matched; None if unknown.

    It does not depend on the values of parameters. After a route's first request it costs about a
    microsecond, more where the same route or application is mounted several times.
    """
    router, endpoint = scope.get("router"), scope.get("endpoint")
    if endpoint is None or not hasattr(router, "routes"):
        return None
    kept = vars(router).get(_KEPT)
    if kept is None:
        kept = Templates(router)
        setattr(router, _KEPT, kept)
    found: list[Template] = kept.of(router, _matched(scope, endpoint), endpoint)
    if len(found) == 1:
        return found[0]
    path = _routed(scope) if found else ""
    return next((one for one in found if _pattern(one).fullmatch(path)), None)


def _matched(scope: Mapping[str, Any], endpoint: Any) -> Any:
    """Return the route in *scope* unless it is one further out: not every router leaves its own."""
    route = scope.get("route")
    if getattr(route, "endpoint", None) is endpoint or getattr(route, "app", None) is endpoint:
        return route
    return None


def _routed(scope: Mapping[str, Any]) -> str:
    """Return the path that the outermost router had to route."""
    root = str(scope.get("app_root_path", scope.get("root_path", "")))
    path = str(scope["path"])
    return path[len(root) :] if path.startswith(root) else path


def _walk(routes: Any, before: str, depth: int) -> Iterator[tuple[Any, Any, Template]]:
    """Yield each of *routes* and of those below with its endpoint, in the order of matching."""
    if depth > _DEEPEST:
        return
    for route in _listed(routes):
        included = getattr(route, "original_router", None)
        if included is not None:  # FastAPI's, whose routes do not have the prefix
            prefix = str(getattr(getattr(route, "include_context", None), "prefix", ""))
            yield from _walk(included.routes, before + prefix, depth + 1)
            continue
        whole = before + str(getattr(route, "path", ""))  # a Host has none
        endpoint = getattr(route, "endpoint", None)
        if endpoint is not None:
            yield route, endpoint, Template(whole, is_mount=False)
        elif (app := getattr(route, "app", None)) is not None:
            yield route, app, Template(whole, is_mount=True)
            yield from _walk(_routes_of(app), whole, depth + 1)


def _listed(routes: Any) -> Iterable[Any]:
    return tuple(routes) if isinstance(routes, list | tuple) else ()


def _routes_of(app: Any) -> Any:
    """Return the routes of *app*, or of what it is wrapped around."""
    for _ in range(_DEEPEST):
        routes = getattr(app, "routes", None)
        if routes is not None:
            return routes
        app = getattr(app, "app", None)
    return ()


@functools.lru_cache(maxsize=512)
def _pattern(template: Template) -> re.Pattern[str]:
    """Return what tells roughly which of the templates of one endpoint a path was matched by."""
    parts, at = [], 0
    for parameter in _PARAMETER.finditer(template.text):
        parts.append(re.escape(template.text[at : parameter.start()]))
        parts.append("[^/]+" if parameter[1] in _ONE_SEGMENT else ".*")
        at = parameter.end()
    parts.append(re.escape(template.text[at:]))
    return re.compile("".join([*parts, "(?:/.*)?" if template.is_mount else ""]), re.DOTALL)

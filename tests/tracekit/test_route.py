"""The route of a request is the template its framework matched, whole and bounded."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import django
import pytest
from asgiref.wsgi import WsgiToAsgi
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path, re_path
from fastapi import APIRouter, FastAPI, WebSocket
from flask import Blueprint, Flask
from hypothesis import given
from hypothesis import strategies as st
from sockets import get, serving_asgi, serving_wsgi
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import tracekit
from tracekit import mounts
from tracekit.clients.patching import Patches
from tracekit.frameworks import route_hooks
from tracekit.frameworks.routes import hook_channels, hook_quart
from tracekit.route import asgi_route, wsgi_route
from tracekit.testing import Capture

if not settings.configured:  # before the patterns: those of languages ask for it
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)


async def ok(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("ok")


def view(_request: Any, **_parameters: Any) -> HttpResponse:
    return HttpResponse("ok")


inner = ([path("<slug:name>/", view, name="one"), re_path(r"^old/(?P<n>[0-9]+)/$", view)], "inner")
urlpatterns = [
    path("", view),
    path("items/<int:item>/", view),
    re_path(r"^years/(?P<year>[0-9]{4})/$", view),
    path("shop/<slug:shop>/", include(inner, namespace="shop")),
    *i18n_patterns(path("about/", view)),
]


@pytest.fixture
def routes_told() -> Iterator[None]:
    route_hooks().install()
    yield
    route_hooks().uninstall()


def name_of(captured: Capture, port: int, path: str, **headers: str) -> str:
    """Return the name of the server span of a request for *path*."""
    before = len(captured.spans)
    get(port, path, **headers)
    count = before
    while True:  # FastAPI makes spans of its own, inside of ours
        count += 1
        span = captured.wait(count)[count - 1]
        if span.parent is None:
            return span.name


def starlette() -> Starlette:
    items = [Route("/items/{item}", ok), Route("/exact/{number:int}/{share:float}", ok)]
    nested = Mount("/{region}", routes=[Mount("/{shop}", routes=items)])
    sub = FastAPI()
    sub.add_api_route("/ask/{topic}", lambda topic: topic)
    return Starlette(
        routes=[
            *items,
            Mount("/nested", routes=[nested]),
            Host("{name}.example.org", app=Starlette(routes=[Mount("/api", routes=items)])),
            Mount("/sub/{version}", app=sub),
            Mount("/files", app=PlainTextResponse("file")),
        ]
    )


@pytest.mark.parametrize(
    ("path", "host", "name"),
    [
        ("/items/7", "x", "GET /items/{item}"),
        ("/exact/07/1.50", "x", "GET /exact/{number:int}/{share:float}"),
        ("/nested/eu/one/items/7", "x", "GET /nested/{region}/{shop}/items/{item}"),
        ("/nested/eu/eu/items/eu", "x", "GET /nested/{region}/{shop}/items/{item}"),
        ("/api/items/7", "a.example.org", "GET /api/items/{item}"),
        ("/sub/v1/ask/rain", "x", "GET /sub/{version}/ask/{topic}"),
        ("/files/any/where.txt", "x", "GET /files"),
        ("/nowhere/at/all", "x", "GET"),
    ],
)
def test_starlettes_mounts_hosts_and_sub_applications(captured, path, host, name):
    with serving_asgi(tracekit.ASGIMiddleware(starlette())) as port:
        assert name_of(captured, port, path, Host=host) == name


def test_fastapis_sub_applications_and_routers(captured):
    router = APIRouter(prefix="/v2")
    router.add_api_route("/items/{item}", lambda item: item)
    main, sub = FastAPI(), FastAPI()
    sub.include_router(router, prefix="/api")
    main.mount("/sub/{version}", sub)

    with serving_asgi(tracekit.ASGIMiddleware(main)) as port:
        found = name_of(captured, port, "/sub/v1/api/v2/items/9")
        assert found == "GET /sub/{version}/api/v2/items/{item}"
        assert name_of(captured, port, "/sub/v1/nowhere/else") == "GET /sub/{version}"


@pytest.mark.parametrize(
    ("scope", "route"),
    [
        ({"path": "/a/b", "path_params": {"x": "b"}}, "/a/{x}"),
        ({"path": "/a/b", "url_route": {"kwargs": {"x": "b"}}}, "/a/{x}"),
        ({"path": "/files/a/b/c", "path_params": {"rest": "a/b/c"}}, "/files/{rest}"),
        ({"path": "/up/a/b", "root_path": "/up", "path_params": {"x": "b"}}, "/a/{x}"),
        ({"path": "/007/1.50", "path_params": {"n": 7, "f": 1.5}}, "/{n}/{f}"),
        (
            {"path": f"/{UUID(int=9)}".upper(), "path_params": {"id": UUID(int=9)}},
            "/{id}",
        ),
        ({"path": "/same/same", "path_params": {"a": "same", "b": "same"}}, "/{a}/{b}"),
        ({"path": "/a/b", "path_params": {"x": "elsewhere"}}, None),
        ({"path": "/users/users", "path_params": {"name": "users"}}, None),
        ({"path": "/d/2026-01-05/7", "path_params": {"d": date(2026, 1, 6), "n": 7}}, None),
        ({"path": "/f/a/b/a/b", "path_params": {"rest": "a/b"}}, None),
        ({"path": "/d/x/7", "path_params": {"d": "x"}, "path_template": "/d/{d}/7"}, "/d/{d}/7"),
        ({"path": "/a/b", "path_params": {}}, None),
        ({"path": "/a/b"}, None),
        ({"path": "/a/b", "path_params": 3}, None),
    ],
)
def test_a_router_that_leaves_its_parameters_is_enough(scope, route):
    assert asgi_route({"type": "http", **scope}) == route


class Day(Convertor[datetime]):
    """One whose values do not look like their text in the path."""

    regex = "[0-9-]{10}"

    def convert(self, value: str) -> datetime:
        return datetime.fromisoformat(value)

    def to_string(self, value: datetime) -> str:
        return f"{value:%Y-%m-%d}"


def routes_of(app: Any, *paths: str, kind: str = "http") -> list[str | None]:
    """Return the routes of requests to *app* for *paths*, without a server."""

    async def receive() -> Any:
        return {"type": f"{kind}.request" if kind == "http" else "websocket.connect"}

    async def send(_message: Any) -> None:
        pass

    def ask(path: str) -> str | None:
        scope = {"type": kind, "method": "GET", "path": path, "root_path": "", "headers": []}
        scope |= {"query_string": b"", "scheme": "http", "server": ("x", 80)}
        asyncio.run(app(scope, receive, send))
        return asgi_route(scope)

    return [ask(path) for path in paths]


def test_a_mounts_template_does_not_depend_on_the_values_of_its_parameters():
    register_url_convertor("day", Day())
    app = Starlette(
        routes=[
            Mount("/users/{name}", routes=[Route("/list", ok)]),
            Mount("/d/{day:day}", routes=[Route("/x/{n}", ok)]),
            Mount("/{a}/b/{c}", routes=[Route("/{a}", ok)]),
        ]
    )

    found = routes_of(app, "/users/users/list", "/d/2026-01-05/x/3", "/b/b/b/b", "/d/2026-01-06/y")

    expected = ["/users/{name}/list", "/d/{day:day}/x/{n}", "/{a}/b/{c}/{a}", "/d/{day:day}"]
    assert found == expected


def test_what_is_mounted_twice_has_a_route_for_each():
    shared = GZipMiddleware(Starlette(routes=[Route("/{item}", ok), Route("/{item}/more", ok)]))
    app = Starlette(routes=[Mount("/v1/{of}", app=shared), Mount("/v2", app=shared)])

    found = routes_of(app, "/v1/v2/v2", "/v2/v1", "/v2/v1/more", "/v2/a/b/c")

    assert found == ["/v1/{of}/{item}", "/v2/{item}", "/v2/{item}/more", "/v2"]


def test_a_route_that_is_added_later_is_found():
    app = Starlette(routes=[Route("/first", ok)])
    assert routes_of(app, "/first") == ["/first"]

    app.router.routes.append(Mount("/late/{x}", routes=[Route("/late", ok)]))

    assert routes_of(app, "/late/late/late", "/first") == ["/late/{x}/late", "/first"]


def test_fastapis_included_routers_below_mounts():
    inner, outer, sub, main = APIRouter(prefix="/v2"), APIRouter(), FastAPI(), FastAPI()
    inner.add_api_route("/items/{item}", lambda item: item)
    inner.add_route("/plain/{x}", ok)
    outer.include_router(inner, prefix="/in/{tenant}")
    sub.include_router(outer, prefix="/a")
    sub.include_router(outer, prefix="/b")
    main.mount("/sub/{sub}", sub)

    paths = ["/sub/sub/a/in/in/v2/items/v2", "/sub/b/b/in/b/v2/items/1", "/sub/1/a/in/2/plain/3"]
    assert routes_of(main, *paths, "/sub/1/docs", "/sub/sub/no") == [
        "/sub/{sub}/a/in/{tenant}/v2/items/{item}",
        "/sub/{sub}/b/in/{tenant}/v2/items/{item}",
        "/sub/{sub}/a/in/{tenant}/plain/{x}",
        "/sub/{sub}/docs",
        "/sub/{sub}",
    ]


def test_fastapis_included_websockets():
    async def talk(socket: WebSocket, room: str) -> None:
        await socket.accept()

    router, main = APIRouter(), FastAPI()
    router.add_api_websocket_route("/rooms/{room}", talk)
    main.include_router(router, prefix="/api")

    assert routes_of(main, "/api/rooms/rooms", kind="websocket") == ["/api/rooms/{room}"]


def test_endpoints_that_are_among_no_routes_are_not_looked_for_without_end():
    router = Starlette(routes=[Route("/a", ok)]).router
    for _ in range(500):
        assert mounts.template({"router": router, "endpoint": object(), "path": "/a"}) is None

    kept = vars(router)[mounts._KEPT]
    assert len(kept._lost) <= 100


values = st.text(st.characters(exclude_characters="/{}", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(values, min_size=1, max_size=5))
def test_no_value_of_a_parameter_is_left_in_the_route(found):
    parameters = {f"p{number}": value for number, value in enumerate(found)}

    route = asgi_route({"path": "/" + "/".join(found), "path_params": parameters})

    assert route is not None
    assert sorted(route.split("/")[1:]) == sorted(f"{{{name}}}" for name in parameters)


def handing_on_a_copy(app: Any, root: str = "") -> Any:
    """Return *app* behind a middleware that hands on a scope of its own (Hypercorn's)."""

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": scope.get("root_path", "") + root}, receive, send)

    return middleware


def test_starlettes_route_behind_a_middleware_that_copies_the_scope(captured, routes_told):
    outside = tracekit.ASGIMiddleware(handing_on_a_copy(starlette()))
    routes = [Route("/items/{item}", ok), Mount("/shops/{shop}", routes=[Route("/", ok)])]
    inside = Starlette(routes=routes, middleware=[Middleware(handing_on_a_copy)])
    with serving_asgi(outside) as port:
        assert name_of(captured, port, "/items/7") == "GET /items/{item}"
    with serving_asgi(tracekit.ASGIMiddleware(inside)) as port:
        assert name_of(captured, port, "/items/7") == "GET /items/{item}"
        assert name_of(captured, port, "/shops/7/") == "GET /shops/{shop}/"
        assert name_of(captured, port, "/nowhere") == "GET"


def test_starlettes_route_has_what_a_dispatcher_has_cut_off(captured, routes_told):
    app = handing_on_a_copy(Starlette(routes=[Route("/items/{item}", ok)]), "/mounted/here")

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        name = name_of(captured, port, "/mounted/here/items/7")

    assert name == "GET /mounted/here/items/{item}"


def test_channels_parameters_which_it_leaves_in_a_copy_of_the_scope(captured):
    class AsyncConsumer:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await PlainTextResponse("ok")(scope, receive, send)

    async def router(scope: Any, receive: Any, send: Any) -> None:
        route = {"args": (), "kwargs": {"room": scope["path"].split("/")[2]}}
        await AsyncConsumer()({**scope, "url_route": route}, receive, send)

    hooks = Patches()
    hook_channels(hooks, SimpleNamespace(AsyncConsumer=AsyncConsumer))

    with serving_asgi(tracekit.ASGIMiddleware(router)) as port:
        assert name_of(captured, port, "/rooms/hall/") == "GET /rooms/{room}/"


def flask() -> Flask:
    app = Flask(__name__)
    blueprint = Blueprint("shop", __name__, url_prefix="/shop/<shop>")
    blueprint.add_url_rule("/items/<int:item>", view_func=lambda shop, item: "ok")
    app.register_blueprint(blueprint)
    return app


def test_flasks_route_has_what_a_dispatcher_has_cut_off(captured):
    app = DispatcherMiddleware(flask(), {"/mounted/here": flask()})

    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        rule = "/shop/<shop>/items/<int:item>"
        assert name_of(captured, port, "/mounted/here/shop/a/items/1") == f"GET /mounted/here{rule}"
        assert name_of(captured, port, "/shop/a/items/1") == f"GET {rule}"
        assert name_of(captured, port, "/mounted/here/nowhere") == "GET"


def test_a_prefix_that_a_proxys_header_tells_is_no_part_of_the_route(captured):
    app = ProxyFix(flask(), x_prefix=1)

    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        told = {"X_Forwarded_Prefix": "/any/thing"}
        name = name_of(captured, port, "/shop/a/items/1", **told)

    assert name == "GET /shop/<shop>/items/<int:item>"


def copying(app: Any) -> Any:
    """Return *app* behind a middleware that hands on an environ of its own (Flask-SocketIO's)."""
    return lambda environ, start_response: app({**environ}, start_response)


def test_flasks_route_behind_a_middleware_that_copies_the_environ(captured, routes_told):
    app = DispatcherMiddleware(copying(flask()), {"/mounted/here": copying(flask())})

    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        rule = "/shop/<shop>/items/<int:item>"
        assert name_of(captured, port, "/shop/a/items/1") == f"GET {rule}"
        assert name_of(captured, port, "/mounted/here/shop/a/items/1") == f"GET /mounted/here{rule}"
        assert name_of(captured, port, "/nowhere") == "GET"


def test_flasks_route_is_the_first_that_it_matches(captured, routes_told):
    app = flask()

    @app.get("/asks/<name>")
    def asks(name: str) -> str:
        return app.test_client().get("/shop/a/items/1").text

    with serving_wsgi(tracekit.WSGIMiddleware(copying(app))) as port:
        assert name_of(captured, port, "/asks/one") == "GET /asks/<name>"


def test_flasks_route_below_starlette_has_the_mounts_prefix(captured, routes_told):
    app = Starlette(routes=[Mount("/site", WsgiToAsgi(flask()))])

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        name = name_of(captured, port, "/site/shop/a/items/1")

    assert name == "GET /site/shop/<shop>/items/<int:item>"


def quart() -> tuple[Any, Any]:
    """Return what Quart does as a request or a websocket begins, and the module that has it."""

    class Context:
        def match_request(self) -> None:
            rule = SimpleNamespace(rule="/rooms/<room>")
            vars(self)[self.kind] = SimpleNamespace(url_rule=rule)

    class RequestContext(Context):
        kind = "request"

    class WebsocketContext(Context):
        kind = "websocket"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind = RequestContext if scope["path"].startswith("/rooms") else WebsocketContext
        kind().match_request()
        await PlainTextResponse("ok")(scope, receive, send)

    return app, SimpleNamespace(RequestContext=RequestContext, WebsocketContext=WebsocketContext)


def test_quarts_route_of_requests_and_websockets(captured):
    app, module = quart()
    hooks = Patches()
    hook_quart(hooks, module)

    with serving_asgi(tracekit.ASGIMiddleware(app)) as port:
        assert name_of(captured, port, "/rooms/hall") == "GET /rooms/<room>"
        assert name_of(captured, port, "/talk") == "GET /rooms/<room>"
        hooks.restore()
        assert name_of(captured, port, "/rooms/hall") == "GET"


DJANGO = [
    ("/", "GET /"),
    ("/items/7/", "GET /items/<int:item>/"),
    ("/years/2026/", "GET /years/(?P<year>[0-9]{4})/"),
    ("/shop/a/b/", "GET /shop/<slug:shop>/<slug:name>/"),
    ("/shop/a/old/12/", r"GET /shop/<slug:shop>/old/(?P<n>[0-9]+)/"),
    ("/en-us/about/", "GET /en-us/about/"),
    ("/nowhere/", "GET"),
]


@pytest.fixture(scope="module")
def site() -> None:
    settings.ROOT_URLCONF = __name__
    django.setup()


def test_djangos_route_over_wsgi(captured, site, routes_told):
    with serving_wsgi(tracekit.WSGIMiddleware(get_wsgi_application())) as port:
        for path_asked, name in DJANGO:
            assert name_of(captured, port, path_asked) == name


def test_djangos_route_over_asgi(captured, site, routes_told):
    with serving_asgi(tracekit.ASGIMiddleware(get_asgi_application())) as port:
        for path_asked, name in DJANGO:
            assert name_of(captured, port, path_asked) == name


def test_djangos_route_below_a_mount_has_the_mounts_prefix(captured, site, routes_told):
    app = DispatcherMiddleware(flask(), {"/site": get_wsgi_application()})
    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        assert name_of(captured, port, "/site/items/7/") == "GET /site/items/<int:item>/"


def test_django_is_as_it_was_after_the_hooks_are_taken_out(site):
    from django.core.handlers.base import BaseHandler

    before = BaseHandler.resolve_request
    route_hooks().install()
    assert BaseHandler.resolve_request is not before
    route_hooks().uninstall()

    assert BaseHandler.resolve_request is before


def test_a_route_that_cannot_be_read_is_none():
    class Strange:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    for strange in itertools.chain([Strange(), 3], [{"route": Strange(), "path": "/"}]):
        assert asgi_route(strange) is None  # type: ignore[arg-type]
    assert wsgi_route({"werkzeug.request": Strange()}) is None

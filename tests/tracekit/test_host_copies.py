"""An application may copy what it is given, and pass it on: nothing of ours is in the way."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from flask import Flask
from sockets import get, serving_asgi, serving_wsgi

import tracekit
from tracekit import guard
from tracekit.frameworks import route_hooks
from tracekit.testing import Capture


def whole(scope: Any) -> dict[str, Any]:
    return copy.deepcopy({**scope})


def sent_elsewhere(scope: Any) -> dict[str, Any]:
    sent: dict[str, Any] = pickle.loads(pickle.dumps({**scope}))
    return sent


def answering(copying: Any) -> Any:
    """Return an application that answers out of a copy of its scope, through one of its own."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    below = tracekit.ASGIMiddleware(inner)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await below(copying(scope), receive, send)

    return tracekit.ASGIMiddleware(app)


def test_a_deep_copy_of_a_scope_is_the_same_request(captured: Capture) -> None:
    with serving_asgi(answering(whole)) as port:
        assert get(port, "/copied")[2] == b"/copied"

    assert len(captured.wait(1)) == 1


def test_a_scope_can_be_pickled(captured: Capture) -> None:
    before = guard.faults()
    with serving_asgi(answering(sent_elsewhere)) as port:
        assert get(port, "/pickled")[2] == b"/pickled"

    captured.wait(1)
    assert guard.faults() == before


def test_an_environ_can_be_copied_but_for_what_its_server_put_in(captured: Capture) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        ours = {name: it for name, it in environ.items() if not name.startswith("wsgi.")}
        start_response("200 OK", [])
        return [copy.deepcopy(ours)["PATH_INFO"].encode()]

    with serving_wsgi(tracekit.WSGIMiddleware(app)) as port:
        assert get(port, "/copied")[2] == b"/copied"


def test_a_flask_request_without_a_route_is_not_given_that_of_another(captured: Capture) -> None:
    app = Flask(__name__)
    app.add_url_rule("/home/<name>", view_func=lambda name: name)

    @app.errorhandler(404)
    def lost(_error: Exception) -> tuple[str, int]:
        with app.test_request_context("/home/x"):
            return "lost", 404

    hooks = route_hooks()
    hooks.install()
    try:
        with serving_wsgi(tracekit.WSGIMiddleware(app.wsgi_app)) as port:
            assert get(port, "/nowhere")[0] == 404
    finally:
        hooks.uninstall()

    (span,) = captured.wait(1)
    assert "http.route" not in (span.attributes or {})

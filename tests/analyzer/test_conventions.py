from __future__ import annotations

import pytest
from trace_building import span

from analyzer import conventions
from analyzer.span import Kind

NEW = {
    "http.request.method": "GET",
    "url.full": "https://shop.example:8443/cart?token=secret",
    "server.address": "shop.example",
    "server.port": 8443,
    "http.response.status_code": 201,
}
OLD = {
    "http.method": "GET",
    "http.url": "https://shop.example:8443/cart?token=secret",
    "net.peer.name": "shop.example",
    "net.peer.port": "8443",
    "http.status_code": 201,
}


def client(attributes, name="GET"):
    return span(name, 0, 1, kind=Kind.CLIENT, attributes=attributes)


@pytest.mark.parametrize("attributes", [NEW, OLD], ids=["current names", "older names"])
def test_both_generations_of_names_are_read(attributes):
    read = client(attributes)

    assert conventions.method(read) == "GET"
    assert conventions.path(read) == "/cart"
    assert conventions.target(read) == "shop.example:8443"
    assert conventions.status_code(read) == 201


def test_a_url_alone_tells_the_target():
    assert conventions.target(client({"http.url": "http://[::1]:90/x"})) == "::1:90"


@pytest.mark.parametrize("url", ["http://[", "http://host:99999/", "", "//", "not a url"])
def test_a_broken_url_is_no_error(url):
    broken = client({"url.full": url})

    conventions.target(broken)
    conventions.path(broken)


@pytest.mark.parametrize(
    ("name", "attributes", "shown"),
    [
        ("POST /hear", {"http.route": "/other"}, "POST /hear"),
        ("GET", {"http.route": "/users/{id}", "url.path": "/users/7"}, "GET /users/{id}"),
        ("HTTP GET", {"http.target": "/users/7?token=secret"}, "GET /users/7"),
        ("GET", {}, "GET"),
        ("utterance", {"url.path": "/x"}, "utterance"),
        ("_OTHER", {"url.path": "/x"}, "_OTHER /x"),
        ("WEBSOCKET", {"http.request.method": "GET", "url.path": "/x"}, "WEBSOCKET /x"),
    ],
)
def test_a_bare_method_is_completed_with_its_route_or_path(name, attributes, shown):
    assert conventions.display_name(client(attributes, name)) == shown


@pytest.mark.parametrize("value", [True, "x", "", None, 1.5, [200], "9" * 30])
def test_a_status_that_is_no_integer_is_not_believed(value):
    assert conventions.status_code(client({"http.response.status_code": value})) is None

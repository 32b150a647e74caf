"""``tracekit run`` traces a service that knows nothing of it, whatever serves it."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from processes import DEADLINE, clean_environment, free_port, service
from websockets.sync.client import connect

ASGI, WSGI = "unchanged_asgi", "unchanged_wsgi"
QUIET = ("--log-level", "warning")
COMMANDS = {
    "uvicorn": ("uvicorn", *QUIET, "--port", "{port}", f"{ASGI}:app"),
    "uvicorn, workers": ("uvicorn", *QUIET, "--workers", "2", "--port", "{port}", f"{ASGI}:app"),
    "uvicorn, reload": ("uvicorn", *QUIET, "--reload", "--port", "{port}", f"{ASGI}:app"),
    "python -m uvicorn": ("python", "-m", "uvicorn", *QUIET, "--port", "{port}", f"{ASGI}:app"),
    "hypercorn": ("hypercorn", "-b", "127.0.0.1:{port}", f"{ASGI}:app"),
    "granian": ("granian", "--interface", "asgi", "--port", "{port}", f"{ASGI}:app"),
    "granian, WSGI": ("granian", "--interface", "wsgi", "--port", "{port}", f"{WSGI}:app"),
    "gunicorn": ("gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", f"{WSGI}:app"),
    "gunicorn, preload": ("gunicorn", "--preload", "-b", "127.0.0.1:{port}", f"{WSGI}:app"),
    "uvicorn, WSGI": ("uvicorn", *QUIET, "--interface", "wsgi", "--port", "{port}", f"{WSGI}:app"),
    "flask run": ("flask", "--app", WSGI, "run", "--port", "{port}"),
    "flask run, reload": ("flask", "--app", WSGI, "run", "--reload", "--port", "{port}"),
    "waitress in a script": ("python", f"{WSGI}.py"),
    "waitress-serve": ("waitress-serve", "--listen", "127.0.0.1:{port}", f"{WSGI}:app"),
}


def with_tools(home: Path, **extra: str) -> dict[str, str]:
    """Return an environment in which the commands of this Python's environment are found."""
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return clean_environment(home, PATH=tools, **extra)


def under_run(command: tuple[str, ...], port: int, *options: str) -> list[str]:
    given = [part.format(port=port) for part in command]
    return ["analyzer.cli", "run", *options, "--", *given]


def get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    url = f"http://127.0.0.1:{port}{path}"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=20
        ) as got:
            return got.status, got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def served(home: Path, count: int) -> list[dict[str, Any]]:
    """Return the server spans in the spool, once there are *count*."""
    deadline = time.monotonic() + DEADLINE
    while True:
        spans = [span for file in (home / "spool").glob("*.jsonl") for span in read(file)]
        found = [span for span in spans if span["kind"] == 2]
        if len(found) >= count or time.monotonic() > deadline:
            assert len(found) == count, [(one["service"], one["name"]) for one in found]
            return found


def read(file: Path) -> list[dict[str, Any]]:
    found = []
    whole, _, _being_written = file.read_text().rpartition("\n")
    for line in whole.splitlines():
        for batch in json.loads(line)["resourceSpans"]:
            told = {a["key"]: a["value"] for a in batch["resource"]["attributes"]}
            name = told["service.name"]["stringValue"]
            for scope in batch["scopeSpans"]:
                found += [{**span, "service": name} for span in scope["spans"]]
    return found


@pytest.mark.parametrize("server", COMMANDS)
def test_each_request_of_an_unchanged_service_is_traced_once(server, tmp_path):
    port, env = free_port(), with_tools(tmp_path)
    command = under_run(COMMANDS[server], port)

    with service(command, port, {**env, "PORT": str(port)}):
        for name in "abc":
            status, body = get(port, f"/items/{name}", **{"X-Request-ID": f"one-{name}"})
            assert (status, json.loads(body)) == (200, {"item": name})
        found = served(tmp_path, 3)

    route = "GET /items/<item>" if WSGI in " ".join(command) else "GET /items/{item}"
    name = WSGI if WSGI in " ".join(command) else ASGI
    assert {(span["service"], span["name"]) for span in found} == {(name, route)}
    kept = [a["value"] for s in found for a in s["attributes"] if a["key"] == "tracekit.request_id"]
    assert sorted(value["stringValue"] for value in kept) == ["one-a", "one-b", "one-c"]


@pytest.fixture(scope="module")
def uvicorn_under_run(tmp_path_factory):
    home, port = tmp_path_factory.mktemp("run"), free_port()
    command = under_run(COMMANDS["uvicorn"], port, "--service", "chosen", "--label", "first")
    with service(command, port, with_tools(home)):
        yield port, home


def named(home: Path, name: str) -> dict[str, Any]:
    """Return the span of that name, as soon as it is in the spool."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        found = [s for file in (home / "spool").glob("*.jsonl") for s in read(file)]
        if of_it := [span for span in found if span["name"] == name]:
            return of_it[0]
    raise AssertionError(sorted({span["name"] for span in found}))


def test_the_service_goes_by_the_name_that_run_is_given(uvicorn_under_run):
    port, home = uvicorn_under_run

    get(port, "/shops/four/items/five")

    assert named(home, "GET /shops/{shop}/items/{item}")["service"] == "chosen"


def test_its_websockets_and_its_calls_are_traced_too(uvicorn_under_run):
    port, home = uvicorn_under_run

    with connect(f"ws://127.0.0.1:{port}/echo/hall") as websocket:
        websocket.send("hello")
        assert websocket.recv() == "hello"
    assert get(port, "/forward") == (200, b'{"item":"one"}')

    assert named(home, "WEBSOCKET /echo/{room}")
    forward, call = named(home, "GET /forward"), named(home, "GET /items/{item}")
    assert call["traceId"] == forward["traceId"]


def test_an_error_is_the_servers_own_page_and_is_on_the_span(uvicorn_under_run):
    port, home = uvicorn_under_run

    assert get(port, "/fail") == (500, b"Internal Server Error")

    told = {a["key"]: a["value"] for a in named(home, "GET /fail")["attributes"]}
    assert told["error.type"]["stringValue"] == "RuntimeError"


@pytest.mark.parametrize(
    ("server", "command"),
    {
        "uvicorn": ("uvicorn", *QUIET, "--port", "{port}", f"{ASGI}:bare"),
        "gunicorn": ("gunicorn", "-b", "127.0.0.1:{port}", f"{WSGI}:bare"),
    }.items(),
)
def test_an_application_of_no_framework_is_traced(server, command, tmp_path):
    port = free_port()

    with service(under_run(command, port), port, with_tools(tmp_path)):
        assert get(port, "/any/path") == (200, b"bare")
        (span,) = served(tmp_path, 1)

    assert span["name"] == "GET"


@pytest.mark.parametrize("wrapped", ["outside", "inside"])
def test_an_application_with_middleware_and_init_of_its_own_keeps_both(wrapped, tmp_path):
    port = free_port()
    command = ("uvicorn", *QUIET, "--port", "{port}", f"own_middleware:{wrapped}")

    with service(under_run(command, port), port, with_tools(tmp_path)):
        get(port, "/items/one", **{"X-Request-ID": "not-trusted"})
        (span,) = served(tmp_path, 1)

    assert (span["service"], span["name"]) == ("own-name", "GET /items/{item}")
    assert "not-trusted" not in json.dumps(span)

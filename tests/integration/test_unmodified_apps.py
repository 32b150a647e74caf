"""Applications from PyPI, as they are: the same answers bare and under ``tracekit run``."""

from __future__ import annotations

import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from processes import DEADLINE, clean_environment, free_port, stop, tracekit, wait_until_open

REQUESTS = int(os.environ.get("UNMODIFIED_REQUESTS", "250"))
"""Of each application; a thousand take minutes, and are for who wants to be sure."""
THREADS = 4
# What differs from one run to the next without tracekit too, and what tracekit adds.
OWN_HEADERS = ("date", "expires", "x-request-id", "set-cookie")
VARYING = re.compile(
    rb'csrfmiddlewaretoken" value="[^"]*"|"CSRF_TOKEN": "[^"]*"'
    rb'|"query_ms": [\d.e-]+|Queries took [\d.]+ms'
)


class Asked(NamedTuple):
    method: str
    path: str
    body: bytes = b""


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Application(NamedTuple):
    command: tuple[str, ...]
    asked: tuple[Asked, ...]
    routes: set[str]
    dear: tuple[Asked, ...] = ()
    """What takes the application long: asked for a few times only."""


def get(*paths: str) -> tuple[Asked, ...]:
    return tuple(Asked("GET", path) for path in paths)


def post(path: str, size: int) -> Asked:
    return Asked("POST", path, b"x" * size)


DATASETTE = Application(
    (
        *("datasette", "serve", "data.db", "--port", "{port}"),
        *("--setting", "num_sql_threads", "2", "--setting", "suggest_facets", "off"),
        # Counts and facets are left out on a busy machine otherwise.
        *("--setting", "sql_time_limit_ms", "20000", "--setting", "facet_time_limit_ms", "20000"),
    ),
    (
        *get("/data/people.json?_size=20", "/data/people/7.json", "/-/settings.json"),
        *get("/-/versions.json", "/-/static/app.css", "/data.json?sql=select+x"),
        Asked("HEAD", "/data/people/7"),
        post("/-/permissions", 500),
    ),
    {"GET /{database}/{table}(.{format})?", "GET /{database}/{table}/{pks}(.{format})?"},
    (
        *get("/nowhere", "/data/people/9999.json", "/data/people?_facet=name"),
        *get("/data/people.csv?_stream=on&_size=max", "/data/people.json?_size=200"),
    ),
)
HTTPBIN = Application(
    ("gunicorn", "httpbin:app", "-k", "gthread", "--threads", "4", "-b", "127.0.0.1:{port}"),
    (
        *get("/get?a=1", "/status/204", "/status/418", "/status/500", "/xml"),
        *get("/stream/20", "/range/60000", "/range/2048", "/deflate", "/redirect/2"),
        *get("/drip?duration=0&numbytes=50", "/nowhere", "/encoding/utf8", "/html", "/links/5/1"),
        *get("/cache/60", "/etag/abc", "/basic-auth/a/b", "/response-headers?X-Request-ID=own"),
        *(post("/post", size) for size in (0, 10, 70_000)),
        *(Asked(method, f"/{method.lower()}", b"{}") for method in ("PUT", "PATCH", "DELETE")),
        Asked("HEAD", "/get"),
        Asked("OPTIONS", "/get"),
    ),
    {"GET /status/<codes>", "GET /stream/<int:n>", "POST /post"},
)
WAGTAIL = Application(
    ("gunicorn", "site_made.wsgi", "--threads", "4", "-b", "127.0.0.1:{port}"),
    (
        *get("/search", "/admin/", "/admin/pages/1/", "/admin/logout/"),
        Asked("HEAD", "/django-admin/"),
        post("/documents/9/none.txt", 300),
    ),
    {"GET /search/", "GET /admin/login/", r"GET /((?:[\w\-]+/)*)"},
    (
        *get("/", "/search/?query=home", "/admin/login/", "/django-admin/login/", "/nowhere/"),
        *get("/static/css/site_made.css"),
        post("/admin/login/", 300),
    ),
)


def with_tools(home: Path, **extra: str) -> dict[str, str]:
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return clean_environment(home, PATH=tools, PYTHONHASHSEED="0", **extra)


@contextmanager
def running(command: list[str], port: int, folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    given = [part.format(port=port) for part in command]
    log = (folder / "log").open("a")
    process = subprocess.Popen(given, cwd=folder, env=dict(env), stdout=log, stderr=log)
    try:
        wait_until_open(process, port)
        yield
    finally:
        stop(process)
        log.close()


def answers(port: int, asked: list[Asked]) -> list[Answer]:
    """Ask for all, with as many kept-alive connections as threads; give the answers in order."""
    shares = [asked[start::THREADS] for start in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        got = list(pool.map(lambda share: on_one_connection(port, share), shares))
    return [got[number % THREADS][number // THREADS] for number in range(len(asked))]


def on_one_connection(port: int, asked: list[Asked]) -> list[Answer]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    found = []
    for one in asked:
        connection.request(one.method, one.path, one.body or None)
        response = connection.getresponse()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        body = VARYING.sub(b"", response.read())
        found.append(Answer(response.status, kept(headers), body))
    connection.close()
    return found


def kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    told = [(name, VARYING.sub(b"", value.encode()).decode()) for name, value in headers]
    return [one for one in told if one[0] not in OWN_HEADERS]


def check(application: Application, folder: Path, home: Path, **env: str) -> None:
    dear = application.dear * 5
    cheap = application.asked * REQUESTS
    asked = [*dear, *cheap[: REQUESTS - len(dear)]]
    surroundings = with_tools(home, **env)

    port = free_port()

    with running([*application.command], port, folder, surroundings):
        bare = answers(port, asked)
    under_run = [sys.executable, "-m", "analyzer.cli", "run", "--", *application.command]
    with running(under_run, port, folder, surroundings):
        traced = answers(port, asked)

    for number, one in enumerate(asked):
        assert traced[number] == bare[number], one
    listed = tracekit("list", "--json", "--limit", str(2 * REQUESTS), env=surroundings)
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len(rows) == REQUESTS, listed.stderr
    names = {row["name"] for row in rows}
    assert application.routes <= names, names
    assert len(names) <= len(application.asked) + len(application.dear)


def test_datasette_answers_the_same(tmp_path):
    with sqlite3.connect(tmp_path / "data.db") as database:
        database.execute("create table people (id integer primary key, name text)")
        rows = [(f"name {number % 40}",) for number in range(300)]
        database.executemany("insert into people (name) values (?)", rows)

    check(DATASETTE, tmp_path, tmp_path / "home", DATASETTE_SECRET="the same")


def test_httpbin_answers_the_same(tmp_path):
    check(HTTPBIN, tmp_path, tmp_path / "home")


def test_a_django_site_answers_the_same(tmp_path):
    env = with_tools(tmp_path, DJANGO_SETTINGS_MODULE="site_made.settings.dev")
    for command in (("wagtail", "start", "site_made", "."), ("python", "manage.py", "migrate")):
        subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=120)

    check(WAGTAIL, tmp_path, tmp_path / "home", DJANGO_SETTINGS_MODULE="site_made.settings.dev")

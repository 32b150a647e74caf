"""Services that log as hosts do: every record is a JSON line in the file LOGGED_TO."""

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import django
import httpx
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from flask import Flask
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import tracekit

tracekit.init("logged")

LOG = logging.getLogger("host")
POOL = ThreadPoolExecutor(2)


class ToFile(logging.Handler):
    def emit(self, record):
        kept = ("created", "name", "request_id", "trace_id", "span_id")
        line = {name: getattr(record, name, None) for name in kept}
        line |= {"message": record.getMessage(), "failed": bool(record.exc_info)}
        with open(os.environ["LOGGED_TO"], "a") as file:
            file.write(json.dumps(line) + "\n")


def log_to_file():
    logging.getLogger().setLevel(logging.INFO)
    for name in (None, "uvicorn", "uvicorn.access", "gunicorn.error", "waitress"):
        logging.getLogger(name).addHandler(ToFile())


def in_a_pool(name):
    LOG.info("in %s", name)


def work():
    LOG.info("working")
    POOL.submit(in_a_pool, "a pool").result()
    with tracekit.stage("think"):
        LOG.info("thinking")


async def asgi_work(request):
    work()
    await run_in_threadpool(in_a_pool, "the framework's pool")
    async with httpx.AsyncClient() as client:
        await client.get(os.environ["NEXT"])
    return PlainTextResponse("done")


async def asgi_fail(request):
    LOG.info("about to fail")
    raise RuntimeError("broken on purpose")


app = tracekit.ASGIMiddleware(
    Starlette(routes=[Route("/work", asgi_work), Route("/fail", asgi_fail)])
)

flask = Flask(__name__)


@flask.get("/work")
def flask_work():
    work()
    return "done"


@flask.get("/fail")
def flask_fail():
    raise RuntimeError("broken on purpose")


@tracekit.WSGIMiddleware
def flask_app(environ, start_response):
    if environ["PATH_INFO"] == "/bare":
        raise RuntimeError("broken below the framework")
    return flask.wsgi_app(environ, start_response)


def django_work(request):
    work()
    return HttpResponse("done")


def django_fail(request):
    raise RuntimeError("broken on purpose")


urlpatterns = [path("work", django_work), path("fail", django_fail)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
django.setup()
django_app = tracekit.WSGIMiddleware(get_wsgi_application())
log_to_file()

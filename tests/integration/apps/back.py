"""The last service of a chain: WSGI and ASGI alike, one stage."""

import json
import os

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import tracekit

tracekit.init("back")


async def finish(request):
    with tracekit.stage("think"):
        reply = {"request_id": tracekit.current_request_id(), "pid": os.getpid()}
    return JSONResponse(reply)


async def fail(request):
    raise RuntimeError("this service is broken on purpose")


app = tracekit.ASGIMiddleware(
    Starlette(routes=[Route(f"/{f.__name__}", f, methods=["POST"]) for f in (finish, fail)])
)


@tracekit.WSGIMiddleware
def wsgi(environ, start_response):
    with tracekit.stage("think"):
        reply = {"request_id": tracekit.current_request_id(), "pid": os.getpid()}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(reply).encode()]

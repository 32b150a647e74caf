"""A service that calls whom it is told to, for the W3C harness: ASGI (httpx, aiohttp) and WSGI.

The body is a JSON list; each member names a ``url`` and the ``arguments`` to post to it.
"""

import json
import os

import aiohttp
import httpx
import requests

import tracekit

tracekit.init("trace-context")


async def with_httpx(url, arguments):
    async with httpx.AsyncClient() as client:
        await client.post(url, json=arguments)


async def with_aiohttp(url, arguments):
    async with aiohttp.ClientSession() as session, session.post(url, json=arguments) as response:
        await response.read()


call = with_aiohttp if os.environ.get("TRACE_CONTEXT_CLIENT") == "aiohttp" else with_httpx


@tracekit.ASGIMiddleware
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    for step in json.loads(body or b"null") or []:
        await call(step["url"], step["arguments"])
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


@tracekit.WSGIMiddleware
def wsgi(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    for step in json.loads(body or b"null") or []:
        requests.post(step["url"], json=step["arguments"], timeout=10)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]

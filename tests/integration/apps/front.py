"""The first service of a chain: Starlette, calls the next one with httpx."""

import os

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import tracekit

tracekit.init("front")


async def begin(request):
    async with httpx.AsyncClient() as client:
        answer = await client.post(os.environ["NEXT_URL"], json={"n": 1})
    return JSONResponse(answer.json(), status_code=answer.status_code)


app = tracekit.ASGIMiddleware(Starlette(routes=[Route("/begin", begin, methods=["POST"])]))

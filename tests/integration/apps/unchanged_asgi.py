"""A service that knows nothing of tracekit, over ASGI."""

import asyncio

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute


async def item(request):
    return JSONResponse({"item": request.path_params["item"]})


async def fail(request):
    raise RuntimeError("on purpose")


async def forward(request):
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{request.base_url}items/one")
    return PlainTextResponse(answer.text)


async def echo(websocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


items = [Route("/items/{item}", item)]
app = Starlette(
    routes=[
        *items,
        Mount("/shops/{shop}", routes=items),
        Route("/fail", fail),
        Route("/forward", forward),
        WebSocketRoute("/echo/{room}", echo),
    ]
)


async def bare(scope, receive, send):
    """An application of no framework at all."""
    if scope["type"] != "http":
        return
    await asyncio.sleep(0)
    head = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
    await send(head)
    await send({"type": "http.response.body", "body": b"bare"})

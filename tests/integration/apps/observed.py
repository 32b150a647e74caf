"""A service whose own side has much to tell; it calls itself at NEXT_URL."""

import asyncio
import os
import time

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

import tracekit

tracekit.init("observed")


async def stream(request):
    async def pieces():
        for number in range(20):
            with tracekit.stage("search" if number == 10 else "token"):
                await asyncio.sleep(0.3 if number == 10 else 0.005)
            yield b"piece "

    return StreamingResponse(pieces())


async def large(request):
    async def pieces():
        for _ in range(8):
            yield bytes(1_000_000)

    return StreamingResponse(pieces())


async def upload(request):
    return PlainTextResponse(str(len(await request.body())))


async def later(request):
    return PlainTextResponse("done", background=BackgroundTask(asyncio.sleep, 0.05))


async def patient(request):
    with tracekit.stage("think"):
        for _ in range(500):
            await asyncio.sleep(0.01)
            if await request.is_disconnected():
                break
    return PlainTextResponse("too late")


async def blocking(request):
    with tracekit.stage("compute"):
        time.sleep(0.12)
    return PlainTextResponse("done")


async def asking(request):
    """Ask for work that blocks, twice at once: the second waits for the first."""
    async with httpx.AsyncClient() as client:
        first = asyncio.create_task(client.get(os.environ["NEXT_URL"]))
        second = asyncio.create_task(client.get(os.environ["NEXT_URL"]))
        await asyncio.gather(first, second)
    return PlainTextResponse("both")


async def gateway(request):
    """Send the request in a stage that ends with the headers; pass the body on as it comes."""
    client = httpx.AsyncClient()
    url = os.environ["NEXT_URL"].replace("blocking", "stream")
    with tracekit.stage("llm"):
        response = await client.send(client.build_request("GET", url), stream=True)
    return StreamingResponse(response.aiter_raw(), background=BackgroundTask(client.aclose))


async def talk(websocket):
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message * 2)


handlers = (stream, large, upload, later, patient, blocking, asking, gateway)
app = tracekit.ASGIMiddleware(
    Starlette(
        routes=[
            *(Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in handlers),
            WebSocketRoute("/talk", talk),
        ]
    )
)

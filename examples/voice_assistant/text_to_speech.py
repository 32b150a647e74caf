"""Text to speech: pauses the microphone, speaks, and resumes it. Starlette, with httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import story
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import tracekit

tracekit.init("tts", label=story.LABEL)


async def speak(request: Request) -> JSONResponse:
    text = (await request.json())["text"]
    await microphone(request, "pause")
    with tracekit.stage("synthesis"):
        await story.work_async(738)
        tracekit.mark("first_audio")
    await microphone(request, "resume")
    return JSONResponse({"spoken": text})


async def microphone(request: Request, action: str) -> None:
    if story.RUN == "before":
        async with httpx.AsyncClient() as client:
            answer = await client.post(story.url("stt", f"/microphone/{action}"))
    else:
        answer = await request.app.state.client.post(story.url("stt", f"/microphone/{action}"))
    answer.raise_for_status()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with httpx.AsyncClient() as app.state.client:
        yield


app = tracekit.ASGIMiddleware(
    Starlette(routes=[Route("/speak", speak, methods=["POST"])], lifespan=lifespan)
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=story.PORTS["tts"], log_level="warning")

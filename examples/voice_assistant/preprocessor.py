"""Preprocessor: classifies, retrieves, asks the model, has the answer spoken. Starlette."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import story
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import tracekit

tracekit.init("preprocessor", label=story.LABEL)


async def process(request: Request) -> JSONResponse:
    text = (await request.json())["text"]
    with tracekit.stage("classification"):
        await story.work_async(32)
    with tracekit.stage("vector_retrieval"):
        await story.work_async(51)
    with tracekit.stage("llm"):
        await story.work_async(604)
    return JSONResponse(await speak(request, f"You said: {text}"))


async def speak(request: Request, text: str) -> Any:
    if story.RUN == "before":
        async with httpx.AsyncClient() as client:
            answer = await client.post(story.url("tts", "/speak"), json={"text": text}, timeout=30)
    else:
        client = request.app.state.client
        answer = await client.post(story.url("tts", "/speak"), json={"text": text}, timeout=30)
    answer.raise_for_status()
    return answer.json()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with httpx.AsyncClient() as app.state.client:
        yield


app = tracekit.ASGIMiddleware(
    Starlette(routes=[Route("/process", process, methods=["POST"])], lifespan=lifespan)
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=story.PORTS["preprocessor"], log_level="warning")

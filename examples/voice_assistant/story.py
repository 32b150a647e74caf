"""What the three services share: which run this is, how long stages take, where the others listen.

All of it comes from the environment that `assistant.py` sets.
"""

from __future__ import annotations

import asyncio
import os
import time

RUN = os.environ.get("ASSISTANT_RUN", "before")
"""``before`` (a connection per call, to a name) or ``after`` (kept connections, to an address)."""
LABEL = os.environ.get("TRACEKIT_LABEL", RUN)
SCALE = float(os.environ.get("ASSISTANT_SCALE", "1"))
CONNECT_TIMEOUT = float(os.environ.get("ASSISTANT_CONNECT_TIMEOUT", "2"))
NAME = os.environ.get("ASSISTANT_NAME", "localhost")
"""The host name that the "before" run uses; its first address does not answer."""
PORTS = {
    "stt": int(os.environ.get("ASSISTANT_STT_PORT", "8001")),
    "preprocessor": int(os.environ.get("ASSISTANT_PREPROCESSOR_PORT", "8002")),
    "tts": int(os.environ.get("ASSISTANT_TTS_PORT", "8003")),
}


def url(service: str, path: str, host: str = "127.0.0.1") -> str:
    """Return the URL of *path* on *service*."""
    return f"http://{host}:{PORTS[service]}{path}"


def work(milliseconds: float) -> None:
    """Stand in for the model that a real assistant would run here."""
    time.sleep(milliseconds / 1000 * SCALE)


async def work_async(milliseconds: float) -> None:
    """Stand in for a model that is awaited."""
    await asyncio.sleep(milliseconds / 1000 * SCALE)

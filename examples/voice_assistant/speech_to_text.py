"""Speech to text: hears an utterance and hands it on to the preprocessor. WSGI, with requests."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import dual_stack
import requests
import story
import waitress

import tracekit

dual_stack.install_resolver()
tracekit.init("stt", label=story.LABEL)

session = requests.Session()
microphone = {"listening": True}


def hear(utterance: str) -> Any:
    with tracekit.stage("finalize"):
        story.work(6)
    return forward(utterance)


def forward(utterance: str) -> Any:
    if story.RUN == "before":
        answer = requests.post(
            story.url("preprocessor", "/process", host=story.NAME),
            json={"text": utterance},
            timeout=(story.CONNECT_TIMEOUT, 30),
        )
    else:
        answer = session.post(
            story.url("preprocessor", "/process"),
            json={"text": utterance},
            timeout=(story.CONNECT_TIMEOUT, 30),
        )
    answer.raise_for_status()
    return answer.json()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if path == "/hear":
        reply = hear(json.loads(body)["text"])
    else:
        microphone["listening"] = path == "/microphone/resume"
        reply = microphone
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(reply).encode()]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # waitress has no handler of its own
    waitress.serve(
        tracekit.WSGIMiddleware(app), host="127.0.0.1", port=story.PORTS["stt"], _quiet=True
    )

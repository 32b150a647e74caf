"""Read the spans that a service wrote into its spool folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from tracekit import attributes as names

SERVER = 2
"""OTLP's number of the kind."""
ERROR = 2
"""OTLP's number of the status."""


class Span(NamedTuple):
    """A span as OTLP has it, its attributes as Python's values."""

    name: str
    id: str
    parent: str
    trace: str
    kind: int
    start: int
    end: int
    status: int
    events: tuple[str, ...]
    scope: str
    attributes: dict[str, Any]

    @property
    def duration(self) -> int:
        return self.end - self.start

    def __getitem__(self, name: Any) -> Any:
        return self.attributes[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)


class Spool:
    """The spans of one service so far, by request ID."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._spans: dict[str, list[Span]] = {}

    def of(self, request_id: str) -> list[Span]:
        for path in self._folder.glob("*.jsonl"):
            self._take(path)
        return self._spans.get(request_id, [])

    def _take(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):  # its writer is at it
                    break
                self._read[path] = self._read.get(path, 0) + len(line)
                for span in _spans(json.loads(line)):
                    self._spans.setdefault(span.get(names.REQUEST_ID, ""), []).append(span)


def _spans(batch: dict[str, Any]) -> list[Span]:
    return [
        _span(span, scope.get("scope", {}).get("name", ""))
        for resource in batch["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _span(span: dict[str, Any], scope: str) -> Span:
    return Span(
        span["name"],
        span["spanId"],
        span.get("parentSpanId", ""),
        span["traceId"],
        span["kind"],
        int(span["startTimeUnixNano"]),
        int(span["endTimeUnixNano"]),
        span.get("status", {}).get("code", 0),
        tuple(event["name"] for event in span.get("events", ())),
        scope,
        {one["key"]: _value(one["value"]) for one in span.get("attributes", ())},
    )


def _value(value: dict[str, Any]) -> Any:
    ((kind, found),) = value.items()
    if kind == "intValue":
        return int(found)
    if kind == "arrayValue":
        return tuple(map(_value, found.get("values", ())))
    return found

"""Say of every known fact of a call or a service how it is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from analyzer.facts import CallFacts, Quality
from analyzer.service import ServiceFacts

_IDENTITY = frozenset(
    {"span_id", "client", "server", "service", "name", "on_path", "method", "path", "queue_source"}
)
"""Fields that name the call or the service; there is nothing to measure about them."""
_HOW = frozenset({"derived", "inferred"})
_PARTS = frozenset(
    {
        *("connection", "client_object", "body"),
        *("request_body", "response_body", "peer", "websocket"),
    }
)


def quality_of(facts: CallFacts | ServiceFacts) -> dict[str, Quality]:
    """Return the quality of every field of *facts* that is known, by its path."""
    return {path: facts.quality(path) for path in _paths(facts)}


def _paths(facts: CallFacts | ServiceFacts) -> Iterator[str]:
    for name in _known(facts):
        if isinstance(facts, CallFacts) and name == "phases":
            yield from (f"phases.{phase.name}" for phase in facts.phases)
        elif name in _PARTS:
            yield from (f"{name}.{inner}" for inner in _known(getattr(facts, name)))
        elif name not in _IDENTITY | _HOW:
            yield name


def _known(part: object) -> Iterator[str]:
    for field in fields(part):  # type: ignore[arg-type]
        if getattr(part, field.name) not in (None, ()):
            yield field.name

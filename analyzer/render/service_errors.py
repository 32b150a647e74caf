"""The lines that tell what failed in a service: the exception, its message, its line of code."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.render.cells import shorten
from analyzer.render.items import Line
from analyzer.service import ExceptionFacts, ServiceFacts

STAGES_SHOWN = 3


def failure_lines(service: ServiceFacts, room: int) -> Iterator[Line]:
    """Yield what ended the request, where, and the stages that failed besides.

    *room* is how wide an item may be: a message is cut, and --json has the whole line.
    """
    exception = service.exception
    if exception is None:
        yield "end", [service.error or "ended without its last byte"]
    else:
        is_sure = service.quality("exception") == "measured"
        yield "end", [shorten(_said(exception, "" if is_sure else "perhaps by "), room)]
    among = [one.name for one in service.failed_stages if one.exception == exception]
    yield "at", [*_places(exception), *(f"in stage {name}" for name in among[:1])]


def stage_lines(service: ServiceFacts, room: int) -> Iterator[Line]:
    """Yield the stages that failed by another exception than the request, if that did."""
    failed = [one for one in service.failed_stages if one.exception != service.exception]
    for stage in failed[:STAGES_SHOWN]:
        yield "stage", [shorten(_said(stage.exception, f"{stage.name} failed: "), room)]
        yield "at", _places(stage.exception)
    if len(failed) > STAGES_SHOWN:
        yield "stage", [f"and {len(failed) - STAGES_SHOWN} more failed"]


def background_failure(service: ServiceFacts, room: int) -> tuple[list[str], list[str]]:
    """Return how the work after the response failed, and where; both empty if it did not."""
    exception, lead = service.background_exception, "which failed: "
    if exception is None:
        error = service.background_error
        return ([f"{lead}{error}"] if error else []), []
    return [shorten(_said(exception, lead), room)], _places(exception)


def _said(exception: ExceptionFacts, lead: str) -> str:
    """Return the exception as Python's own stack trace ends with it."""
    return lead + ": ".join(part for part in (exception.type, exception.message) if part)


def _places(exception: ExceptionFacts | None) -> list[str]:
    """Return the line of code with the file's last folder only; --json has the whole path."""
    if exception is None or exception.at is None:
        return []
    return ["/".join(exception.at.replace("\\", "/").split("/")[-2:])]

"""The request's IDs in the host's log lines: a filter, a formatter, a structlog processor.

``init`` stamps every record of the standard library by itself; these are for formats that name the
IDs, and for processes without ``init``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Literal

from opentelemetry.context import Context, get_current
from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

from tracekit import guard
from tracekit.request import request_in

REQUEST_ID, TRACE_ID, SPAN_ID = "request_id", "trace_id", "span_id"
UNKNOWN = "-"
"""What a record says of an ID outside of any request."""
DEFAULT_FORMAT = "%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s"

_LEFT_ON_ERROR = "_tracekit_ids"
_NONE: Mapping[str, str] = {}


def current_ids(context: Context | None = None) -> dict[str, str]:
    """Return what *context* (the current one for None) knows of request, trace and span."""
    context = get_current() if context is None else context
    request = request_in(context)
    found = {} if request is None else {REQUEST_ID: request.request_id}
    own = get_current_span(context).get_span_context()
    if own.is_valid:
        found[TRACE_ID] = format_trace_id(own.trace_id)
        found[SPAN_ID] = format_span_id(own.span_id)
    return found


def leave_on(error: BaseException, context: Context) -> None:
    """Leave the IDs of *context* on *error*: servers log it when the request is no longer current.

    An exception that takes no attributes goes without. Never raises.
    """
    try:
        found = current_ids(context)
    except Exception as fault:
        guard.fault("logs.leave_on", fault)
        return
    with suppress(Exception):
        setattr(error, _LEFT_ON_ERROR, found)


def stamp(record: logging.LogRecord, unknown: str | None = UNKNOWN) -> None:
    """Set the three IDs on *record*, except those that it has; *unknown* where there is none.

    Outside of a request they are those of the exception that is being logged. Without an *unknown*
    a record is left without the ID. Never raises.
    """
    try:
        held = record.__dict__
        if REQUEST_ID in held and TRACE_ID in held and SPAN_ID in held:
            return
        known = _known(record.exc_info)
        for name in (REQUEST_ID, TRACE_ID, SPAN_ID):
            value = known.get(name, unknown)
            if value is not None:
                held.setdefault(name, value)
    except Exception as error:
        guard.fault("logs.stamp", error)


def _known(exc_info: Any) -> Mapping[str, str]:
    found = current_ids()
    return found if REQUEST_ID in found else _left_on(exc_info) or found


def _left_on(exc_info: Any) -> Mapping[str, str]:
    """Return the IDs on an exception, given in any of the forms that loggers take."""
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) > 1 else exc_info
    found: Mapping[str, str] = getattr(error, _LEFT_ON_ERROR, _NONE)
    return found


class LogFilter(logging.Filter):
    """Stamps what passes a handler or a logger, and lets all of it pass."""

    def filter(self, record: logging.LogRecord) -> Literal[True]:
        stamp(record)
        return True


class LogFormatter(logging.Formatter):
    """Formats with the IDs; without a *fmt* of yours the request's comes before the message.

    It stamps by itself, so that it can be named in a logging configuration that is read before
    ``init`` and serves until after ``shutdown``.
    """

    def __init__(self, fmt: str | None = None, *args: Any, **kwargs: Any) -> None:
        style = args[1] if len(args) > 1 else kwargs.get("style", "%")
        super().__init__(_DEFAULTS.get(style) if fmt is None else fmt, *args, **kwargs)

    def format(self, record: logging.LogRecord) -> str:
        stamp(record)
        return super().format(record)


_DEFAULTS = {
    "%": DEFAULT_FORMAT,
    "{": "{asctime} {levelname} [{request_id}] {name}: {message}",
    "$": "$asctime $levelname [$request_id] $name: $message",
}


def structlog_processor(
    logger: object, name: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add the IDs that are known to *event_dict*, unless it has them: a structlog processor.

    Put it before those that render and format exceptions. Never raises.
    """
    try:
        for key, value in _known(event_dict.get("exc_info")).items():
            event_dict.setdefault(key, value)
    except Exception as error:
        guard.fault("logs.structlog", error)
    return event_dict

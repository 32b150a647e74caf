"""OTLP in JSON, by its own mapping: hex ids, integer enums, 64-bit integers as text or number.

Unknown fields are ignored at any depth, snake_case spellings being unknown ones; null is the
default. A value of the wrong type makes the whole body undecodable: BadInput.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from analyzer.decode.spans import Draft, Rejection, finish
from analyzer.errors import BadInput
from analyzer.span import Attributes, AttributeValue, Event, Kind, Link, Span, Status

Json = Mapping[str, Any]

KINDS = dict(enumerate(Kind))
STATUSES = dict(enumerate(Status))
INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def parse_json(body: bytes | str) -> Any:
    """Return the JSON value; BadInput when it is none, or nested deeper than can be followed."""
    try:
        text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
        return json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise BadInput("JSON nested too deep") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"not JSON: {error.msg} ({where})") from error
    except ValueError as error:
        raise BadInput(f"not JSON: {error}") from error


def read_json(document: Any) -> Iterator[Span | Rejection]:
    """Yield the spans of one TracesData or ExportTraceServiceRequest, parsed by `parse_json`."""
    if not isinstance(document, dict):
        raise BadInput("not OTLP: the top level is no object")
    for resource_spans in _objects(document, "resourceSpans"):
        resource = read_attributes(_object(resource_spans, "resource"))
        for scope_spans in _objects(resource_spans, "scopeSpans"):
            scope = _text(_object(scope_spans, "scope"), "name")
            for span in _objects(scope_spans, "spans"):
                yield _span(span, resource, scope)


def read_attributes(holder: Json) -> dict[str, AttributeValue]:
    """Return the attributes of a resource, span, event or link; of a key given twice the last."""
    return _pairs(holder, "attributes")


def read_value(value: Json) -> AttributeValue:
    """Return what an AnyValue holds: bytes stay base64 text, no value at all is None."""
    for field, read in READERS.items():
        if value.get(field) is not None:
            return read(value, field)
    return None


def _pairs(holder: Json, field: str) -> dict[str, AttributeValue]:
    pairs = _objects(holder, field)
    return {_text(pair, "key"): read_value(_object(pair, "value")) for pair in pairs}


def _span(span: Json, resource: Attributes, scope: str) -> Span | Rejection:
    status = _object(span, "status")
    return finish(
        Draft(
            trace_id=_text(span, "traceId"),
            span_id=_text(span, "spanId"),
            parent_id=_text(span, "parentSpanId"),
            name=_text(span, "name"),
            kind=KINDS.get(_enum(span, "kind"), Kind.UNSPECIFIED),
            start_ns=_integer(span, "startTimeUnixNano"),
            end_ns=_integer(span, "endTimeUnixNano"),
            attributes=read_attributes(span),
            resource=resource,
            status=STATUSES.get(_enum(status, "code"), Status.UNSET),
            status_message=_text(status, "message"),
            scope=scope,
            events=tuple(_event(event) for event in _objects(span, "events")),
            links=tuple(_link(link) for link in _objects(span, "links")),
        )
    )


def _event(event: Json) -> Event:
    return Event(_text(event, "name"), _integer(event, "timeUnixNano"), read_attributes(event))


def _link(link: Json) -> Link:
    trace_id, span_id = (_text(link, key).lower() for key in ("traceId", "spanId"))
    return Link(trace_id, span_id, read_attributes(link))


def _objects(holder: Json, field: str) -> list[Json]:
    found = holder.get(field)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise _fault(field, "a list of objects")
    return found


def _object(holder: Json, field: str) -> Json:
    found = holder.get(field)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _fault(field, "an object")
    return found


def _text(holder: Json, field: str) -> str:
    found = holder.get(field)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _fault(field, "text")
    return found


def _enum(holder: Json, field: str) -> int:
    found = holder.get(field)
    if found is None:
        return 0
    if not isinstance(found, int) or isinstance(found, bool):
        raise _fault(field, "an integer (OTLP takes no names of enum values)")
    return found


def _integer(holder: Json, field: str) -> int:
    found = holder.get(field)
    if found is None:
        return 0
    if isinstance(found, str) and INTEGER.fullmatch(found):
        return int(found)
    if isinstance(found, float) and found.is_integer():
        return int(found)
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    raise _fault(field, "an integer")


def _bounded(holder: Json, field: str) -> int | str:
    # An attribute beyond 64 bits is no OTLP, but the text of it is worth more than a lost batch.
    value = _integer(holder, field)
    return value if -(2**63) <= value < 2**63 else str(value)


def _double(holder: Json, field: str) -> float:
    found = holder[field]
    if isinstance(found, str) and found in NOT_FINITE:
        return NOT_FINITE[found]
    try:
        if isinstance(found, (str, int, float)) and not isinstance(found, bool):
            return float(found)
    except (ValueError, OverflowError):
        pass
    raise _fault(field, "a number")


def _boolean(holder: Json, field: str) -> bool:
    found = holder[field]
    if not isinstance(found, bool):
        raise _fault(field, "true or false")
    return found


def _array(holder: Json, field: str) -> list[AttributeValue]:
    return [read_value(value) for value in _objects(_object(holder, field), "values")]


def _map(holder: Json, field: str) -> dict[str, AttributeValue]:
    return _pairs(_object(holder, field), "values")


def _fault(field: str, expected: str) -> BadInput:
    return BadInput(f"not OTLP: {field} is not {expected}")


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


READERS: dict[str, Callable[[Json, str], AttributeValue]] = {
    "stringValue": _text,
    "boolValue": _boolean,
    "intValue": _bounded,
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _map,
    "bytesValue": _text,
}

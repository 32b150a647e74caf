"""Encode spans as OTLP JSON (the JSON mapping of the TracesData message), by hand for speed.

The bytes are one line without a line break, so the same bytes are an HTTP body and a spool line.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring_ascii as string
from typing import TYPE_CHECKING, Any

from tracekit import guard
from tracekit.redaction import redacted

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext

_INT_LIMIT = 2**63
_SURROGATES = re.compile(r"(?:\\\\)+|(?:\\ud[89ab]..\\ud[c-f]..)+|\\(ud[89a-f]..)")
"""Backslashes of the text's own, pairs, or one that is alone."""
# Bits 8 and 9 of a span's flags: it is known whether the parent is remote, and it is.
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200

Describe = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def encode(spans: Iterable[ReadableSpan], describe: Describe) -> tuple[bytes, int]:
    """Return one TracesData line of *spans*, and how many of them could not be encoded.

    Spans are grouped by resource and instrumentation scope. *describe* turns a resource's
    attributes into those to send.
    """
    # By identity: equal ones may come twice, and to hash a scope takes longer than to encode it.
    resources: dict[int, tuple[Any, dict[int, tuple[Any, list[str]]]]] = {}
    lost = 0
    for span in spans:
        try:
            text = encode_span(span)
        except Exception as error:
            guard.fault("otlp.span", error)
            lost += 1
            continue
        resource, scope = span.resource, span.instrumentation_scope
        scopes = resources.setdefault(id(resource), (resource, {}))[1]
        scopes.setdefault(id(scope), (scope, []))[1].append(text)
    groups = [
        f'{{"resource":{{"attributes":{_attributes(describe(resource.attributes))}}},'
        f'"scopeSpans":[{",".join(_scope_spans(*one) for one in scopes.values())}]}}'
        for resource, scopes in resources.values()
    ]
    return _whole(f'{{"resourceSpans":[{",".join(groups)}]}}').encode("ascii"), lost


def _scope_spans(scope: InstrumentationScope | None, spans: Sequence[str]) -> str:
    fields = []
    if scope is not None:
        fields.append(f'"name":{string(scope.name)}')
        if scope.version:
            fields.append(f'"version":{string(scope.version)}')
    return f'{{"scope":{{{",".join(fields)}}},"spans":[{",".join(spans)}]}}'


def encode_span(span: ReadableSpan) -> str:
    """Return one OTLP Span as JSON text."""
    context, parent = span.context, span.parent
    flags, above = context.trace_flags | _HAS_IS_REMOTE, ""
    if parent is not None:
        above = f'"parentSpanId":"{parent.span_id:016x}",'
        flags |= _IS_REMOTE if parent.is_remote else 0
    # An enumeration's ``value`` is a call; its ``_value_`` is the same thing.
    return (
        f'{{{_ids(context)},"name":{string(span.name)},"kind":{span.kind._value_ + 1},{above}'
        f'"flags":{flags},"startTimeUnixNano":"{span.start_time or 0}"'
        f',"endTimeUnixNano":"{span.end_time or 0}"{_contents(span)}}}'
    )


def _contents(span: ReadableSpan) -> str:
    plain = getattr(span, "plain", None)  # a lean span's; those of the SDK may have dropped some
    attributes = span.attributes if plain is None else plain()
    text = f',"attributes":{_attributes(attributes)}' if attributes else ""
    if events := span.events:
        text += f',"events":[{",".join(map(_event, events))}]'
    if links := span.links:
        text += f',"links":[{",".join(map(_link, links))}]'
    if plain is None:
        text += "".join(_dropped(span))
    status = span.status
    code = status.status_code._value_
    if code:
        message = f'"message":{string(status.description)},' if status.description else ""
        text += f',"status":{{{message}"code":{code}}}'
    return text


def _dropped(span: ReadableSpan) -> Iterable[str]:
    counts = (span.dropped_attributes, span.dropped_events, span.dropped_links)
    for what, count in zip(("Attributes", "Events", "Links"), counts, strict=True):
        if count:
            yield f',"dropped{what}Count":{count}'


def _ids(context: SpanContext) -> str:
    state = context.trace_state
    text = f',"traceState":{string(state.to_header())}' if state else ""
    return f'"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"{text}'


def _event(event: Event) -> str:
    attributes = event.attributes
    text = f',"attributes":{_attributes(attributes)}' if attributes else ""
    return f'{{"timeUnixNano":"{event.timestamp}","name":{string(event.name)}{text}}}'


def _link(link: Link) -> str:
    text = f',"attributes":{_attributes(link.attributes)}' if link.attributes else ""
    return f"{{{_ids(link.context)}{text}}}"


def _attributes(attributes: Mapping[str, Any]) -> str:
    if type(attributes) is not dict:
        # The SDK's mappings are three layers of Python; their copy is the plain dict inside.
        copy = getattr(attributes, "copy", None)
        attributes = attributes if copy is None else copy()
    pairs = []
    for key, item in redacted(attributes).items():
        if type(key) is not str:  # a host's mistake must not cost its span, nor rename another's
            key = str(key)
        kind = type(item)
        # What nearly all values are, without the calls that tell the others apart.
        if kind is str:
            pairs.append(f"{_STRINGS[key]}{string(item)}}}}}")
        elif kind is int and -_INT_LIMIT <= item < _INT_LIMIT:
            pairs.append(f'{_INTS[key]}"{item}"}}}}')
        else:
            pairs.append(f'{{"key":{string(key)},"value":{value(item)}}}')
    return f"[{','.join(pairs)}]"


class _Beginnings(dict[str, str]):
    """What a pair begins with, by its key: names repeat in every span, values do not."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __missing__(self, key: str) -> str:
        if len(self) >= _MOST_NAMES:
            self.clear()
        text = self[key] = f'{{"key":{string(key)},"value":{{"{self._kind}":'
        return text


_MOST_NAMES = 1024
_STRINGS, _INTS = _Beginnings("stringValue"), _Beginnings("intValue")


def _whole(text: str) -> str:
    """Return JSON *text* with U+FFFD for each lone surrogate, which UTF-8 cannot carry.

    Once for a whole batch: to look at every string costs as much as to encode it. One character is
    found ten times as fast as three.
    """
    return _SURROGATES.sub(_mended, text) if "\\" in text and "\\ud" in text else text


def _mended(found: re.Match[str]) -> str:
    return "\\ufffd" if found[1] else found[0]


def value(item: Any) -> str:
    """Return *item* as an OTLP AnyValue; what OTLP has no type for becomes its ``str``."""
    return _BY_TYPE.get(type(item), _by_base)(item)


def _by_base(item: Any) -> str:
    encoder = next((encoder for kind, encoder in _BY_BASE if isinstance(item, kind)), _other)
    return encoder(item)


def _bool(item: Any) -> str:
    return '{"boolValue":true}' if item else '{"boolValue":false}'


def _int(item: Any) -> str:
    number = int(item)  # an IntEnum prints as its name
    return f'{{"intValue":"{number}"}}' if -_INT_LIMIT <= number < _INT_LIMIT else _other(number)


def _float(item: Any) -> str:
    number = float(item)
    if math.isfinite(number):
        return f'{{"doubleValue":{number!r}}}'
    name = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return f'{{"doubleValue":"{name}"}}'


def _string(item: Any) -> str:
    return f'{{"stringValue":{string(item)}}}'


def _other(item: Any) -> str:
    return _string(str(item))


def _bytes(item: Any) -> str:
    return f'{{"bytesValue":"{b64encode(item).decode("ascii")}"}}'


def _none(item: None) -> str:
    return "{}"


def _mapping(item: Any) -> str:
    return f'{{"kvlistValue":{{"values":{_attributes(item)}}}}}'


def _sequence(item: Any) -> str:
    return f'{{"arrayValue":{{"values":[{",".join(map(value, item))}]}}}}'


_BY_TYPE: Mapping[type, Callable[[Any], str]] = {
    str: _string,
    int: _int,
    bool: _bool,
    float: _float,
    tuple: _sequence,
    list: _sequence,
    dict: _mapping,
    bytes: _bytes,
    type(None): _none,
}
_BY_BASE: Sequence[tuple[type, Callable[[Any], str]]] = (
    (str, _string),
    (int, _int),
    (float, _float),
    (bytes, _bytes),
    (Mapping, _mapping),
    (Sequence, _sequence),
)

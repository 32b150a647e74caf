"""The vendors' part of a trace's context: passed on as it came, as level 2 of W3C has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from opentelemetry.trace import TraceState as AnyTraceState

MOST_MEMBERS = 32

_KEY = re.compile(r"[0-9a-z][0-9a-z_*/@-]{0,255}")
_VALUE = re.compile(r"[ -+\--<>-~]{0,255}[!-+\--<>-~]")
_SPACE = " \t"


class TraceState(AnyTraceState):
    """OpenTelemetry's kind, by the rules of level 2.

    Its own drops valid keys (``1vendor``, ``a@b@c``) and all members for a key that occurs twice.
    Of two members with one key the first stays: it is the latest. Whatever is longer than the 512
    characters that everybody has to pass on is passed on too.
    """

    def __init__(self, entries: Sequence[tuple[str, str]] | None = None) -> None:
        self._dict: dict[str, str] = {}
        for key, value in entries or ():
            if _is_valid(key, value) and len(self._dict) < MOST_MEMBERS:
                self._dict.setdefault(key, value)

    @classmethod
    def from_header(cls, header_list: Iterable[str]) -> TraceState:
        """Return what the headers say, read as one; nothing at all if any member is invalid."""
        members = [*_members(header_list)]
        if len(members) > MOST_MEMBERS:
            return cls()
        pairs = []
        for member in members:
            key, _, value = member.partition("=")
            # A value keeps its leading spaces, and what follows a second "=" is in no value.
            if not _is_valid(key, value):
                return cls()
            pairs.append((key, value))
        return cls(pairs)

    def add(self, key: str, value: str) -> TraceState:
        """Return these members behind a new one; unchanged if *key* is there or is invalid."""
        return self if key in self else self.update(key, value)

    def update(self, key: str, value: str) -> TraceState:
        """Return these members with *key* in front; beyond 32 the last one goes."""
        if not _is_valid(key, value):
            return self
        return type(self)([(key, value), *self.delete(key).items()])

    def delete(self, key: str) -> TraceState:
        """Return these members without *key*."""
        return type(self)([pair for pair in self.items() if pair[0] != key])


def _members(headers: Iterable[str]) -> Iterator[str]:
    for header in headers:
        for member in header.split(","):
            member = member.strip(_SPACE)
            if member:  # empty ones are allowed
                yield member


def _is_valid(key: object, value: object) -> bool:
    return (
        isinstance(key, str)
        and isinstance(value, str)
        and _KEY.fullmatch(key) is not None
        and _VALUE.fullmatch(value) is not None
    )

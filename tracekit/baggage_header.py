"""W3C Baggage as a caller sends it, without what is not of its grammar.

OpenTelemetry's reader leaves the same out, but logs it, header and all, for every request: a caller
could fill the host's log.
"""

from __future__ import annotations

import re

BAGGAGE = "baggage"
_LONGEST, _LONGEST_MEMBER, _MOST_MEMBERS = 8192, 4096, 180
"""The limits of the specification, 3.3.2, and of its reader: bytes, bytes, members."""
_KEY = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = r"[ \t]*(?:[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+[ \t]*)?"
# One way only to read each blank: with two, a hostile header takes exponential time.
_MEMBER = re.compile(rf"{_KEY}[ \t]*={_VALUE}(?:;[ \t]*{_KEY}[ \t]*(?:={_VALUE})?)*")


def well_formed(values: list[str]) -> list[str]:
    """Return the header of *values*, of which only the first counts, with its good members."""
    text = values[0] if values else ""
    if len(text.encode("utf-8", "replace")) > _LONGEST:
        return []
    members = [one.strip(" \t") for one in text.split(",")]
    good = [one for one in members if len(one) <= _LONGEST_MEMBER and _MEMBER.fullmatch(one)]
    return [",".join(good[:_MOST_MEMBERS])] if good else []

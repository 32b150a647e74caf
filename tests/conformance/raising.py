"""A call that has to fail the way its library's calls fail."""

from __future__ import annotations

from conformance.caller import Caller


def raises(caller: Caller, url: str, timeout: float = 5.0) -> Exception:
    """Get *url* and return the library's own error; AssertionError if there is none."""
    try:
        answer = caller.get(url, timeout)
    except caller.errors as error:
        return error
    raise AssertionError(f"no error, but {answer}")

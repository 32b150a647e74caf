"""Where in the user's code a call was made, and where its client was. Pure."""

from __future__ import annotations

from analyzer import conventions
from analyzer.calls import Call
from tracekit import attributes as a


def called_at(call: Call) -> str | None:
    """Return where the call was made, as ``file:line in function()``."""
    attributes = call.node.span.attributes
    file = conventions.text(attributes, a.CODE_FILE, "code.filepath")
    line = conventions.number(attributes, a.CODE_LINE, "code.lineno")
    return place(file, line, conventions.text(attributes, a.CODE_FUNCTION, "code.function"))


def made_at(call: Call) -> str | None:
    """Return where the call's client, session or pool was made."""
    return place(call.text(a.CLIENT_FILE), call.number(a.CLIENT_LINE), call.text(a.CLIENT_FUNCTION))


def place(file: str | None, line: int | None, function: str | None) -> str | None:
    """Return a line of code as findings tell it: ``file:line in function()``."""
    if file is None:
        return None
    at = f"{file}:{line}" if line is not None else file
    return f"{at} in {function}()" if function and function != "<module>" else at

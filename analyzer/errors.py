"""Everything the analyzer raises on purpose.

::

    AnalyzerError             one line for the user, exit code 1
    ├── MissingExtra          a command needs an extra that is not installed
    ├── NoSuchRequest         nothing in the store fits the given ID
    ├── AmbiguousRequest      several requests fit the given prefix
    ├── BadInput              an argument or a file that cannot be read as what it should be
    └── StoreError            the store cannot be opened, read or written
        ├── NotAStore         the file is something else; it was not changed
        ├── NewerStore        written by a newer tracekit
        └── StoreBusy         another process holds it and does not answer

``cli.main`` is the one place that turns the tree into ``tracekit: <message>`` on stderr.
"""

from __future__ import annotations


class AnalyzerError(Exception):
    """A failure that the user can understand from its one-line message."""


class MissingExtra(AnalyzerError):
    """A command needs an extra that is not installed."""

    def __init__(self, command: str, module: str | None, extra: str) -> None:
        """Say that *command* found no *module*, which *extra* brings."""
        super().__init__(
            f"`tracekit {command}` needs more than the base install (no {module} here). "
            f'Install it with: pip install "tracekit[{extra}]"'
        )


class NoSuchRequest(AnalyzerError):
    """Nothing in the store fits the given request."""


class AmbiguousRequest(AnalyzerError):
    """Several requests fit the given prefix."""


class BadInput(AnalyzerError):
    """An argument or a file cannot be read as what it should be."""


class StoreError(AnalyzerError):
    """The store cannot be opened, read or written."""


class NotAStore(StoreError):
    """The file is not a tracekit store; it was not changed."""


class NewerStore(StoreError):
    """The store was written by a newer tracekit than this one."""


class StoreBusy(StoreError):
    """Another process holds the store."""

"""Tracing without a line of code: ``tracekit run -- COMMAND``."""

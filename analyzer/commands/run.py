"""``tracekit run``: trace a service as it is."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from analyzer.run_command import environment, execute


def run(args: Namespace) -> int:
    """Become the command, with tracing in every Python process of it."""
    command = args.arguments[1:] if args.arguments[:1] == ["--"] else args.arguments
    if not command:
        print("tracekit: run what? For example: tracekit run -- uvicorn app:app", file=sys.stderr)
        return 2
    told = environment(os.environ, command, service=args.service, label=args.label)
    return execute(command, told)

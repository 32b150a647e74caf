"""``tracekit doctor``: say what is traced here, where spans go, and what is wrong."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from tracekit.doctor import examine
from tracekit.doctor.text import text


def run(args: Namespace) -> int:
    """Print the report; 1 where something is wrong."""
    report = examine()
    if args.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        sys.stdout.write(text(report))
    return 1 if report.problems else 0

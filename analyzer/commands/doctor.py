"""``tracekit doctor``: say what is traced here, where spans go, and what is wrong."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import Namespace

from analyzer.commands.quiet_import import without_otel_variables
from analyzer.render.safe import printable, survive_narrow_encoding

with without_otel_variables():
    from tracekit.doctor import examine
    from tracekit.doctor.text import text


def run(args: Namespace) -> int:
    """Print the report; 1 where something is wrong."""
    report = examine()
    if args.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        survive_narrow_encoding(sys.stdout)
        lines = text(report, shutil.get_terminal_size().columns).splitlines()
        sys.stdout.writelines(f"{printable(line)}\n" for line in lines)
    return 1 if report.problems else 0

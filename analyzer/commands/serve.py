"""``tracekit serve``: run the collector."""

from __future__ import annotations

from argparse import Namespace

from analyzer.collector.server import serve
from analyzer.errors import BadInput
from analyzer.store.opening import default_path, is_url, located


def run(args: Namespace) -> int:
    """Serve the store until told to stop."""
    if args.store and is_url(args.store):
        raise BadInput("`tracekit serve` needs a file in --store, not a URL.")
    serve(located(args.store) if args.store else default_path(), args.host, args.port)
    return 0

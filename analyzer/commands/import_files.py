"""``tracekit import``: store traces made elsewhere."""

from __future__ import annotations

from argparse import Namespace

from analyzer.errors import BadInput
from analyzer.render.safe import print_error, printable
from analyzer.store import Received, open_store


def run(args: Namespace) -> int:
    """Import every file and say what became of it; 1 if any could not be read."""
    failed = False
    with open_store(args.store, create=True) as store:
        for file in args.files:
            try:
                print(f"{printable(file)}: {printable(_said(store.import_file(file)))}")
            except BadInput as error:
                failed = True
                print_error(str(error))
        print(f"store: {printable(store.name)}")
    return 1 if failed else 0


def _said(received: Received) -> str:
    if received.known:
        return "imported before, nothing new"
    said = f"{received.stored} {'span' if received.stored == 1 else 'spans'} stored"
    if received.rejected:
        said += f", {received.rejected} rejected"
    return f"{said} ({'; '.join(received.reasons)})" if received.reasons else said

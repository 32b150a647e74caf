"""The ``tracekit`` command: read the arguments, call the command, turn errors into one line.

The parser imports nothing but the standard library, so ``tracekit --help`` is quick and works on
the base install; each command is a module of ``analyzer.commands`` with ``run(args) -> exit code``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from analyzer.errors import AnalyzerError, MissingExtra
from analyzer.render.safe import print_error

MODULES = {
    "analyze": "analyzer.commands.analyze",
    "compare": "analyzer.commands.compare",
    "demo": "analyzer.commands.demo",
    "doctor": "analyzer.commands.doctor",
    "import": "analyzer.commands.import_files",
    "list": "analyzer.commands.list_requests",
    "run": "analyzer.commands.run",
    "serve": "analyzer.commands.serve",
}
EXTRAS = {"demo": "demo"}
OUR_PACKAGES = ("tracekit", "analyzer")
MOST = 1_000_000
"""The largest number that an option takes: beyond it lies a slip, or a list that takes hours."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 a known failure, 2 wrong usage."""
    args = build_parser().parse_args(argv)
    try:
        return _run(args)
    except AnalyzerError as error:
        print_error(str(error))
        return 1
    except BrokenPipeError:
        # The reader went away (``| head``). Point stdout elsewhere so that the interpreter's own
        # flush at exit does not fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _run(args: argparse.Namespace) -> int:
    try:
        command = import_module(MODULES[args.command])
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in OUR_PACKAGES:
            raise
        extra = EXTRAS.get(args.command, "analyzer")
        raise MissingExtra(args.command, error.name, extra) from error
    code: int = command.run(args)
    sys.stdout.flush()
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command and option."""
    parser = argparse.ArgumentParser(
        prog="tracekit",
        description="Where a request's time went across your services, and whether the "
        "connections between them are to blame.",
    )
    parser.add_argument("--version", action="version", version=f"tracekit {version('tracekit')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_analyze(commands)
    _add_list(commands)
    _add_compare(commands)
    _add_import(commands)
    _add_serve(commands)
    _add_demo(commands)
    _add_run(commands)
    _add_doctor(commands)
    return parser


_Commands = argparse._SubParsersAction  # the only name argparse gives the type it returns


def _plain_command(
    commands: _Commands[argparse.ArgumentParser], name: str, help_text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, description=help_text[0].upper() + help_text[1:] + "."
    )
    return parser


def _command(
    commands: _Commands[argparse.ArgumentParser], name: str, help_text: str
) -> argparse.ArgumentParser:
    parser = _plain_command(commands, name, help_text)
    parser.add_argument(
        "--store",
        metavar="PATH_OR_URL",
        default=os.environ.get("TRACEKIT_STORE"),
        help="a store file, or the URL of a running collector (default: TRACEKIT_STORE, else "
        "traces.duckdb in TRACEKIT_HOME)",
    )
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    _add_look(parser)


def _add_look(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-color", action="store_true", help="print without colour")
    parser.add_argument(
        "--width",
        type=_positive_int,
        metavar="COLUMNS",
        help="width of the output (default: the terminal's)",
    )


def _add_analyze(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "analyze", "show where one request's time went, why, and the fix")
    parser.add_argument(
        "request",
        metavar="REQUEST",
        help="the ID that list shows, a request ID, a unique prefix of at least 4 characters, "
        "a trace ID, 'latest' or 'slowest'",
    )
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait for spans still on their way",
    )
    parser.add_argument(
        "--overflow",
        choices=("async", "truncate"),
        default="async",
        help="a child that outlives its parent: off the path (async), or cut at the parent's end "
        "(truncate)",
    )
    parser.add_argument(
        "--calls",
        action="store_true",
        help="tell of every outgoing call and every service, not of the few that matter",
    )
    _add_output(parser)


def _add_list(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "list", "list recent requests, newest first")
    parser.add_argument(
        "--since", metavar="WHEN", help="only requests after this: 15m, 2h, 3d, or a time"
    )
    parser.add_argument(
        "--service", metavar="NAME", help="only requests that this service took part in"
    )
    parser.add_argument(
        "--min-duration", metavar="DURATION", help="only requests at least this long: 250ms, 1.5s"
    )
    parser.add_argument("--errors", action="store_true", help="only requests that failed")
    parser.add_argument(
        "--limit", type=_positive_int, default=20, metavar="N", help="at most N (default 20)"
    )
    _add_output(parser)


def _add_compare(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "compare", "compare two sets of requests, stage by stage, with a verdict"
    )
    which = "a label, a service version, or a time range such as 12:00..12:05"
    parser.add_argument("a", metavar="A", help=f"before: {which}")
    parser.add_argument("b", metavar="B", help=f"after: {which}")
    parser.add_argument(
        "--route",
        metavar="ROUTE",
        help="only requests of this route, as list shows it: 'GET /orders', or with its service "
        "before it, 'shop GET /orders'",
    )
    _add_output(parser)


def _add_import(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "import", "store traces made elsewhere (OTLP JSON Lines or protobuf, Jaeger JSON)"
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="the format is detected from the content"
    )


def _add_serve(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "serve", "run the collector: OTLP over HTTP into the store")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=_port, default=4318, help="port to listen on (default 4318; 0 picks one)"
    )


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "demo", "run the voice assistant before and after its fix, and compare"
    )
    parser.add_argument("--quick", action="store_true", help="short stage times and time-outs")
    parser.add_argument("--keep", action="store_true", help="keep the store and say where it is")
    parser.add_argument(
        "--requests",
        type=_positive_int,
        metavar="N",
        help="requests a side (default: enough for a verdict)",
    )
    _add_look(parser)


def _add_run(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _plain_command(commands, "run", "trace a service as it is: run -- uvicorn app:app")
    parser.usage = "tracekit run [-h] [--service NAME] [--label LABEL] -- COMMAND ..."
    parser.add_argument(
        "--service", metavar="NAME", help="the service's name (default: from the command)"
    )
    parser.add_argument("--label", help="tells this run from others in compare")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command, as it is"
    )


def _add_doctor(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _plain_command(
        commands, "doctor", "say what is traced here, where spans go, and what is wrong"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _positive_int(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= MOST:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        raise argparse.ArgumentTypeError(f"{shown} is not a whole number from 1 to {MOST}")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535)")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())

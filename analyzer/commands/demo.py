"""``tracekit demo``: run the voice assistant before and after its fix, analyse, and compare.

The services are real processes on real sockets and know nothing of the demo. With
``OTEL_EXPORTER_OTLP_ENDPOINT`` set they send to that collector, and the answers are read from it;
otherwise they spool into a folder of the demo's own.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from analyzer import cli
from analyzer.errors import AnalyzerError, MissingExtra

NEEDED = ("httpx", "requests", "starlette", "uvicorn", "waitress")
"""What the services import besides tracekit: part of it comes with the extra ``demo`` only."""
UTTERANCES = ("what time is it", "and in Lisbon", "wake me at seven", "play some music", "stop")


@dataclass(frozen=True)
class Pace:
    """How long the story's pieces take."""

    scale: float
    connect_timeout: float
    requests: int


# Six requests a side are the fewest from which a median's 95 % interval can be had.
FULL = Pace(scale=1.0, connect_timeout=2.0, requests=6)
QUICK = Pace(scale=0.15, connect_timeout=0.4, requests=6)


def run(args: argparse.Namespace) -> int:
    """Run both sides of the story and print the analysis of one request and the comparison."""
    _check_installed()
    pace = QUICK if args.quick else FULL
    console = Console(
        no_color=args.no_color or None, width=args.width, highlight=False, markup=False
    )
    with _home(args.keep) as home, _environment(_locations(home, args.store)):
        demo = _Demo(pace, args.requests or pace.requests, console, _output_options(args))
        try:
            demo.tell()
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            raise AnalyzerError(f"the demo's services failed: {error}") from error
        if args.keep:
            console.print(f"\nKept. Explore it with: TRACEKIT_HOME={home} tracekit list")
    return 0


def _check_installed() -> None:
    for module in NEEDED:
        if importlib.util.find_spec(module) is None:
            raise MissingExtra("demo", module, "demo")


def _locations(home: Path, store: str | None) -> dict[str, str]:
    """Return where services and commands keep their data during the demo."""
    store = store or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or str(home / "traces.duckdb")
    return {"TRACEKIT_HOME": str(home), "TRACEKIT_STORE": store}


@contextmanager
def _home(keep: bool) -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="tracekit-demo-"))
    try:
        yield home
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _output_options(args: argparse.Namespace) -> list[str]:
    options = ["--no-color"] if args.no_color else []
    return [*options, "--width", str(args.width)] if args.width else options


class _Demo:
    """One telling of the story."""

    def __init__(self, pace: Pace, requests: int, console: Console, options: list[str]) -> None:
        self.pace = pace
        self.requests = requests
        self.console = console
        self.options = options
        self.assistant = _load_assistant()
        # A store that outlives the demo may hold an earlier telling; its requests are not ours.
        self.suffix = os.urandom(2).hex() if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ else ""

    def tell(self) -> None:
        fault = self.assistant.dual_stack.choose()
        self.console.print("A voice assistant of three services: stt → preprocessor → tts.")
        self.console.print(fault.explanation + "\n")
        before = self._side("before", fault)
        self._command("analyze", _median(before).request_id, "--wait", "10")
        self._side("after", fault)
        self._command("compare", self._label("before"), self._label("after"))

    def _side(self, run: str, fault: Any) -> list[Any]:
        """Run one side under a progress bar and return its answers."""
        started = self.assistant.running(
            run,
            fault,
            scale=self.pace.scale,
            connect_timeout=self.pace.connect_timeout,
            environment={"TRACEKIT_LABEL": self._label(run)},
        )
        with _progress(self.console, run, self.requests) as advance, started as assistant:
            answers = []
            for number in range(self.requests):
                answers.append(assistant.say(UTTERANCES[number % len(UTTERANCES)]))
                advance()
        failed = [answer for answer in answers if answer.status != 200]
        if failed:
            raise AnalyzerError(f"{len(failed)} of {len(answers)} requests of the demo failed")
        return answers

    def _label(self, run: str) -> str:
        return f"{run}-{self.suffix}" if self.suffix else run

    def _command(self, *arguments: str) -> None:
        """Run a command as the user would, and show how it was called."""
        self.console.print(f"\n$ tracekit {' '.join(arguments)}\n", style="bold")
        sys.stdout.flush()
        if cli.main([*arguments, *self.options]) != 0:
            raise AnalyzerError(f"the demo stopped at `tracekit {' '.join(arguments)}`")


@contextmanager
def _progress(console: Console, run: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"{run:>7}", total=total)
        yield lambda: progress.advance(task)


def _median(answers: list[Any]) -> Any:
    return sorted(answers, key=lambda answer: answer.seconds)[len(answers) // 2]


def _load_assistant() -> ModuleType:
    """Import the example from the wheel, or from the checkout that this file is part of."""
    package = Path(__file__).parents[1]
    for examples in (package / "examples", package.parent / "examples"):
        file = examples / "voice_assistant" / "assistant.py"
        if file.is_file():
            return _import(file)
    raise AnalyzerError("the example of the demo is missing; reinstall tracekit")


def _import(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("assistant", file)
    if spec is None or spec.loader is None:
        raise AnalyzerError(f"{file} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

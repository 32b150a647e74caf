"""``init`` and ``shutdown``: what starts and ends tracekit in a process."""

from __future__ import annotations

import atexit
import dataclasses
import logging
import os
import tempfile
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from tracekit import guard, process_hooks, propagation
from tracekit import leaving as leaving  # it counts forks from now on
from tracekit.errors import ConfigurationError
from tracekit.fork_lock import ForkLock
from tracekit.garbage import GarbageHooks
from tracekit.settings import Settings, resolve
from tracekit.signals import SignalHooks

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from tracekit.worker import Worker

_logger = logging.getLogger("tracekit")
_lock = ForkLock()
_EXIT_SECONDS = 2.5
"""What the interpreter's exit may take: whoever stops services counts to ten, or to five."""


@dataclasses.dataclass
class _Process:
    """What runs in this process; None before ``init`` and after ``shutdown``."""

    settings: Settings | None = None
    provider: TracerProvider | None = None
    worker: Worker | None = None
    garbage: GarbageHooks | None = None
    signals: SignalHooks | None = None
    pid: int = 0
    has_started: bool = False
    is_automatic: bool = False
    """Nobody chose the settings: the application's own ``init`` replaces them."""


_process = _Process()


def init(
    service: str | None = None,
    *,
    version: str | None = None,
    label: str | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    clients: bool = True,
    sigterm: bool | None = None,
    logs: bool | None = None,
    executors: bool | None = None,
) -> None:
    """Start tracing this process as *service*.

    Call it once at start, before the HTTP clients are made. What is not given comes from
    ``TRACEKIT_*``, then ``OTEL_*``, then defaults. Without an *endpoint* (the base URL of an
    OTLP/HTTP collector) spans go to the spool folder, where ``tracekit analyze`` finds them.
    *label* tells runs apart in ``tracekit compare``. ``clients=False`` leaves HTTP clients alone.
    ``sigterm=False`` leaves signals alone: a process that SIGTERM or SIGHUP ends, and that nobody
    handles, else brings its spans to safety first, in 2 seconds at most; called in a thread other
    than the main one, it leaves signals alone too, for Python lets no other set a handler.

    Log records carry ``request_id``, ``trace_id`` and ``span_id``, unless *logs* is False. With
    *executors* threads and thread pools take the request along, which is else for ``wrap`` to do.

    Calling it again with the same settings changes nothing; a forked child may call it to go by a
    name of its own. A TracerProvider that is already set is joined, not replaced. Raises
    ConfigurationError for a setting that cannot work; nothing raises afterwards.
    """
    settings = resolve(
        os.environ,
        service=service,
        version=version,
        label=label,
        endpoint=endpoint,
        headers=headers,
        clients=clients,
        sigterm=sigterm,
        logs=logs,
        executors=executors,
    )
    if _process.is_automatic and _process.settings != settings:
        shutdown()
    if _process.is_automatic:
        _set_automatic(False)
    with _lock:
        if _process.settings == settings:
            return
        if _process.settings is None or _process.pid != os.getpid():
            if _process.worker is not None:  # what a forked child did under its parent's name
                _process.worker.shutdown(1.0)
            _start(settings)
        else:
            _logger.warning(
                "tracekit.init() was called again with other settings: the first ones stay. "
                "Call tracekit.shutdown() before to change them"
            )


def has_started() -> bool:
    """Tell whether spans are taken in this process, or were before ``shutdown``."""
    return _process.has_started


def is_settled() -> bool:
    """Tell whether ``init`` has said how this process is traced, or that it is not."""
    return _process.settings is not None


def is_automatic() -> bool:
    """Tell whether nobody has chosen the settings: the application's own ``init`` replaces them."""
    return _process.is_automatic


def give_way() -> None:
    """Let the application's own ``init`` replace the settings of the one that has just been.

    Until then log records say nothing of IDs that are not known: nobody has asked for any.
    """
    _set_automatic(True)


def _set_automatic(automatic: bool) -> None:
    from tracekit import log_hooks

    _process.is_automatic = automatic
    log_hooks.say_unknown(not automatic)


def _start(settings: Settings) -> None:
    if not settings.disabled:
        _check_spool(settings)
        # Imported here, so that `import tracekit` costs a command none of the SDK's 50 ms.
        from tracekit import provider

        _process.provider, _process.worker = provider.start(settings)
        _process.has_started = True
        atexit.register(_exit)
        _install_hooks(settings, _process)
    else:
        process_hooks.install(settings, only=("logs",))  # for formats that name the IDs
    propagation.install()
    _process.settings = settings
    _process.pid = os.getpid()


def _check_spool(settings: Settings) -> None:
    # With an endpoint the spool is only the fallback, and a read-only disk is a usual container.
    if settings.endpoint is not None:
        return
    try:
        from tracekit.spool import make_folder  # with the exporters, not with `import tracekit`

        make_folder(settings.spool)
        with tempfile.TemporaryFile(dir=settings.spool):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"the spool folder {settings.spool} cannot be written ({error.strerror})",
            "set TRACEKIT_HOME to a folder that can, or TRACEKIT_ENDPOINT to a collector's URL",
        ) from error


def _install_hooks(settings: Settings, process: _Process) -> None:
    if process.garbage is None:
        process.garbage = GarbageHooks()
        process.garbage.install()
    if settings.sigterm and process.worker is not None:
        _install_signals(process, process.worker)
    process_hooks.install(settings)
    if settings.clients and process.provider is not None:
        _install_clients(process.provider)


def _install_signals(process: _Process, worker: Worker) -> None:
    try:
        if process.signals is not None:  # a forked child's, of its parent's name
            process.signals.uninstall()
        process.signals = SignalHooks(worker)
        process.signals.install()
    except Exception as error:
        guard.fault("signals.install", error)


def _install_clients(tracer_provider: TracerProvider) -> None:
    try:
        from tracekit import clients

        clients.install(tracer_provider)
    except Exception as error:
        guard.fault("clients.install", error)


def flush(timeout: float = 5.0) -> bool:
    """Send what waits; return whether that was done within *timeout* seconds. Never raises."""
    worker = _process.worker
    return worker is None or worker.flush(timeout)


def secure(timeout: float) -> None:
    """Send what waits, or write it to the spool, within *timeout* seconds. Never raises.

    It is for a process that may end at once, without a word, and may as well go on.
    """
    worker = _process.worker
    try:
        if worker is not None:
            worker.leave(timeout)
    except Exception as error:
        guard.fault("secure", error)


def shutdown(timeout: float = 5.0) -> bool:
    """Stop tracing, send what waits, and put the HTTP clients back as they were.

    Return whether all that waited was brought to safety within *timeout* seconds: to the collector,
    or to the spool where the collector is away. False means that time ran out (the rest is then in
    the spool) or that spans were lost: the collector refused them, or the spool is full.

    It returns in time whatever the collector does, and runs by itself when the interpreter exits.
    Never raises; without ``init`` it does nothing.
    """
    return _shut_down(timeout)


def _shut_down(timeout: float, *, keep: Collection[str] = ()) -> bool:
    """Do what ``shutdown`` says, and leave the process hooks of *keep* in place."""
    try:
        with _lock:
            stopped = dataclasses.replace(_process)
            _process.settings = _process.provider = _process.worker = None
            _process.garbage = _process.signals = None
        if stopped.worker is None:
            process_hooks.uninstall(keep)
            return True
        atexit.unregister(_exit)
        return _stop(stopped, stopped.worker, timeout, keep)
    except Exception as error:
        guard.fault("shutdown", error)
        return False


def _exit() -> None:
    worker = _process.worker
    try:
        _shut_down(_EXIT_SECONDS, keep=("logs",))  # the host may log until its very end
    except BaseException:  # an interrupt: somebody is in a hurry
        if worker is not None:
            worker.sweep()
        raise


def _stop(stopped: _Process, worker: Worker, timeout: float, keep: Collection[str]) -> bool:
    # The clients first: the calls that they still hold end now, and their spans are to be sent.
    if stopped.settings is not None and stopped.settings.clients:
        _uninstall_clients()
    done = worker.shutdown(timeout)
    _uninstall_hooks(stopped, keep)
    if stopped.provider is not None:
        from tracekit import provider

        provider.stop(stopped.provider, worker)
    return done


def _uninstall_hooks(stopped: _Process, keep: Collection[str]) -> None:
    process_hooks.uninstall(keep)
    try:
        if stopped.signals is not None:
            stopped.signals.uninstall()
        if stopped.garbage is not None:
            stopped.garbage.uninstall()
    except Exception as error:
        guard.fault("hooks.uninstall", error)


def _uninstall_clients() -> None:
    try:
        from tracekit import clients

        clients.uninstall()
    except Exception as error:
        guard.fault("clients.uninstall", error)

"""A service's lifecycle: read settings, set up logs and the ops port, run, shut down in order."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from seccam import logs, metrics, settings, signals
from seccam.errors import SettingFault, SettingsError
from seccam.probes import Probes
from seccam.version import __version__

#: Seconds that a service has to finish what it is doing after SIGTERM.
STOP_SECONDS = 5.0


@dataclass(frozen=True)
class ServiceContext:
    """What a service is given when it starts."""

    registry: CollectorRegistry
    probes: Probes
    #: Set when the service must stop; every wait in a service watches it.
    stop: threading.Event


def main(
    program: str,
    about: str,
    groups: Sequence[type[settings.Group]],
    run: Callable[..., int],
    argv: Sequence[str] | None = None,
    *,
    validate: Callable[..., object] = lambda *_: None,
    check: Callable[..., None] = lambda *_: None,
) -> int:
    """Run a service: `run(context, *loaded groups)` returns its exit status.

    The last of `groups` is the service's own and holds the ops port. Exit status 2 means that settings are wrong.
    `validate(*loaded groups)` raises SettingsError for groups that don't fit together. With --check, `check(*loaded groups)`
    runs too; it raises SettingsError for faults that only show when something is tried.
    """
    parser = argparse.ArgumentParser(
        program,
        description=about,
        epilog="environment variables:\n" + settings.describe(settings.LogSettings, *groups),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--check",
        nargs="?",
        const="text",
        choices=("text", "json"),
        help="check the settings and exit; json: print faults as JSON on standard output",
    )
    options = parser.parse_args(argv)
    try:
        log_settings, *loaded = settings.load(settings.LogSettings, *groups)
        validate(*loaded)
        if options.check:
            check(*loaded)
            return 0
    except SettingsError as e:
        if options.check == "json":
            print(json.dumps([dataclasses.asdict(fault) for fault in e.faults]))
        else:
            print_faults(program, e.faults)
        return 2
    registry = metrics.new_registry(os.environ.get("SECCAM_REVISION", ""))
    logs.configure(log_settings.level, log_settings.format, program, registry)
    return _serve(program, registry, loaded, run)


def print_faults(program: str, faults: Sequence[SettingFault]) -> None:
    """Print the wrong settings to standard error, a line each."""
    print(f"{program}: {len(faults)} wrong setting(s); see {program} --help", file=sys.stderr)
    print(*(f"  {fault}" for fault in faults), sep="\n", file=sys.stderr)


def _serve(program: str, registry: CollectorRegistry, loaded: Sequence[Any], run: Callable[..., int]) -> int:
    log = logs.get(program)
    own = loaded[-1]
    stop = threading.Event()
    try:
        probes = Probes(own.ops_host, own.ops_port, registry)
    except OSError as e:
        where = {"address": f"{own.ops_host}:{own.ops_port}", "setting": f"{own.PREFIX}OPS_PORT"}
        log.error("ops_port_taken", error=str(e), **where)  # noqa: TRY400  # a traceback would add nothing
        return 1

    def end(number: signal.Signals) -> None:
        probes.stopping()
        stop.set()
        log.info("stopping", signal=number.name)

    signals.on_end(end)
    log.info("started", version=__version__, ops=f"{own.ops_host}:{probes.port}")
    with _ending_with_any_thread(log, stop) as crashed:
        status = run(ServiceContext(registry, probes, stop), *loaded)
    probes.close()
    status = status or int(crashed.is_set())
    log.info("stopped", status=status)
    return status


@contextlib.contextmanager
def _ending_with_any_thread(log: Any, stop: threading.Event) -> Iterator[threading.Event]:
    """End the service when one of its threads dies of an error, so that it is restarted instead of staying half alive."""
    crashed = threading.Event()

    def died(args: threading.ExceptHookArgs) -> None:
        log.critical("thread_died", thread=args.thread.name if args.thread else "", exc_info=args.exc_value)
        crashed.set()
        stop.set()

    before, threading.excepthook = threading.excepthook, died
    try:
        yield crashed
    finally:
        threading.excepthook = before

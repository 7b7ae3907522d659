"""The command seccam-local (`make run`): runs a private broker and all services until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from seccam import settings, signals
from seccam.errors import SettingFault, SettingsError
from seccam.service import print_faults
from seccam.version import __version__
from seccam_local import cameras, preflight, readiness, report, supervisor
from seccam_local.node import Node, Ports, installed
from seccam_local.processes import log_line
from seccam_local.settings import LocalSettings
from seccam_local.stack import CHECKOUT, Stack, build_stack

PROGRAM = "seccam-local"
_FOLDER = "SECCAM_LOCAL_FOLDER"

_EPILOG = f"""\
environment variables:
  SECCAM_CAMERAS  ({cameras.WEBCAM} if it exists, else the demo)
      name=source for each camera, separated by spaces: front=http://127.0.0.1:9901/ yard={cameras.WEBCAM}
{settings.describe(LocalSettings, settings.VisitSettings)}
  SECCAM_BROKER_URL  (a private broker)
      A broker that has seccam's queues, to use instead of a private one.

All other SECCAM_ and IFTTT_ variables are passed on to the services that read them:
see seccam-camera --help, seccam-monitor --help and so on."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status: 0 after an orderly stop, 1 if it can't start, 2 if settings are wrong."""
    parser = argparse.ArgumentParser(
        PROGRAM, description="Runs seccam on this machine.", epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--check", action="store_true", help="check the settings of all services and exit")
    options = parser.parse_args(argv)
    environ = dict(os.environ)
    try:
        stack = build_stack(environ, webcam=Path(cameras.WEBCAM).exists())
        faults = preflight.deduplicated([*stack.faults, *preflight.setting_faults(stack.services, environ)])
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    if faults:
        print_faults(PROGRAM, faults)
        return 2
    return 0 if options.check else _start(stack, environ)


def _start(stack: Stack, environ: Mapping[str, str]) -> int:
    if stack.private_broker and not installed():
        log_line("RabbitMQ is not installed: run `make setup`, which installs it or says how")
        return 1
    folder = Path(stack.settings.folder).expanduser().absolute() if stack.settings.folder else CHECKOUT / ".seccam"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(_locked(folder))
            node = _prepare(stack, folder)
        except SettingsError as e:
            for line in e.lines:
                log_line(line)
            return 1
        _run(stack, node, environ, folder)
    return 0


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Create the folder if needed, and lock it: two runs must not share the broker's data. Raises SettingsError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the mode of an existing folder stays as it is
        lock = (folder / "lock").open("a")
    except OSError as e:
        raise _unusable(folder, e) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(SettingFault(_FOLDER, f"{folder} is in use by another run")) from None
        except OSError as e:  # the file system has no locks
            raise _unusable(folder, e) from None
        yield


def _prepare(stack: Stack, folder: Path) -> Node | None:
    """The private broker's node, its files written; None without a private broker. Raises SettingsError."""
    if conflicts := preflight.port_conflicts(stack.addresses):
        raise SettingsError(*conflicts)
    try:
        return _node(stack, folder) if stack.private_broker else None
    except OSError as e:
        raise _unusable(folder, e) from None


def _unusable(folder: Path, error: OSError) -> SettingsError:
    return SettingsError(SettingFault(_FOLDER, f"{error.filename or folder} can't be used: {error.strerror or error}"))


def _run(stack: Stack, node: Node | None, environ: Mapping[str, str], folder: Path) -> None:
    stop = threading.Event()
    signals.on_end(lambda _: stop.set())
    threading.Thread(target=_report, args=(stack, node, environ, folder, stop), name="readiness", daemon=True).start()
    supervisor.run(supervisor.stages(node, stack.services, environ, folder), stop)


def _report(stack: Stack, node: Node | None, environ: Mapping[str, str], folder: Path, stop: threading.Event) -> None:
    """Wait until everything is ready, and print where it is."""
    missing = readiness.wait(stack.services, stop, lambda services: log_line(report.waiting_line(stack, services)))
    if missing is None:
        return
    lines = [*report.ready_lines(stack, environ, missing)]
    if node:
        lines += report.broker_lines(node, report.example_camera(stack, missing), folder)
    with contextlib.suppress(OSError):  # as with `log_line`
        print(*lines, "  Ctrl-C   stops everything", sep="\n", flush=True)


def _node(stack: Stack, folder: Path) -> Node:
    own = stack.settings
    ports = Ports(own.broker_port, own.mqtt_port, own.prometheus_port, own.distribution_port, own.epmd_port)
    node = Node(folder / "broker", ports, cameras=[camera.name for camera in stack.cameras])
    node.write()
    if not node.can_watch_disk:
        log_line(f"{_FOLDER}: RabbitMQ can't monitor free disk space, because of special characters in {node.folder}")
    return node


if __name__ == "__main__":
    sys.exit(main())

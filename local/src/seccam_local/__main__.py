"""`make run`: a private broker, the cameras, the monitor, the workers and the notifier, until Ctrl-C."""

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
from seccam_local import cameras, preflight, report, supervisor
from seccam_local.node import Node, Ports, installed
from seccam_local.processes import log_line
from seccam_local.settings import LocalSettings
from seccam_local.stack import CHECKOUT, Stack, build_stack

PROGRAM = "seccam-local"

_EPILOG = f"""\
environment variables:
  SECCAM_CAMERAS  ({cameras.WEBCAM} where there is one, else the demo)
      name=source for each camera, separated by spaces: front=http://127.0.0.1:9901/ yard={cameras.WEBCAM}
{settings.describe(LocalSettings, settings.VisitSettings)}
  SECCAM_BROKER_URL  (a private broker)
      A broker with seccam's topology that is there already; no private one is started then.

Every other SECCAM_ and IFTTT_ variable goes to the services: see seccam-camera --help, seccam-monitor --help and so on."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 after an orderly stop; 1: something is in the way; 2: the settings are wrong."""
    parser = argparse.ArgumentParser(
        PROGRAM, description="Runs seccam on this machine.", epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--check", action="store_true", help="check the settings of all services and end")
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
        log_line("RabbitMQ is not installed: `make setup` installs it, or says how")
        return 1
    folder = Path(stack.settings.folder).expanduser().absolute() if stack.settings.folder else CHECKOUT / ".seccam"
    with contextlib.ExitStack() as claim:
        node = None
        try:
            ours = claim.enter_context(_lock(folder))
            used = SettingFault("SECCAM_LOCAL_FOLDER", f"another run has {folder}")
            problems = preflight.port_conflicts(stack.addresses) if ours else [used]
            if stack.private_broker and not problems:
                node = _node(stack, folder)
        except OSError as e:
            problems = [SettingFault("SECCAM_LOCAL_FOLDER", f"{e.filename or folder} can't be used: {e.strerror or e}")]
        except SettingsError as e:
            problems = list(e.faults)
        for problem in problems:
            log_line(str(problem))
        if problems:
            return 1
        _run(stack, node, environ, folder)
    return 0


def _run(stack: Stack, node: Node | None, environ: Mapping[str, str], folder: Path) -> None:
    stop = threading.Event()
    signals.on_end(lambda _: stop.set())

    def print_report(missing: Mapping[str, str]) -> None:
        lines = [*report.ready_lines(stack, environ, missing)]
        if node:
            lines += report.broker_lines(node, report.example_camera(stack, missing), folder)
        with contextlib.suppress(OSError):  # as with `log_line`
            print(*lines, "  Ctrl-C   stops all of it", sep="\n", flush=True)

    supervisor.run(
        supervisor.stages(node, stack.services, environ),
        stack.services,
        stop,
        on_ready=print_report,
        on_missing=lambda services: log_line(report.waiting_line(stack, services)),
    )


def _node(stack: Stack, folder: Path) -> Node:
    own = stack.settings
    ports = Ports(own.broker_port, own.mqtt_port, own.prometheus_port, own.distribution_port, own.epmd_port)
    node = Node(folder / "broker", ports, cameras=len(stack.cameras))
    node.write()
    if not node.can_watch_disk:
        log_line(f"SECCAM_LOCAL_FOLDER: RabbitMQ can't see how full its disk is, for the spaces, umlauts or signs in {node.folder}")
    return node


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Whether the folder is ours until the end; two runs in one would fight over the broker's data."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # one that is there is somebody's, and stays as it is
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


if __name__ == "__main__":
    sys.exit(main())

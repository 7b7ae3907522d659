"""`seccam`, the operator's command: check settings, create the topology; list, replay and delete events; test channels."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from seccam import settings, topology
from seccam.broker.admin import BrokerAdmin
from seccam.command import broker, check, events, parked
from seccam.command.options import PROGRAM
from seccam.errors import BrokerError, SettingsError
from seccam.settings import BrokerSettings
from seccam.version import __version__

#: Entry points by which the services that are installed here add commands: functions like `add_to`.
COMMANDS = "seccam.commands"


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Exit status 1: something is wrong on the broker; 2: wrong settings."""
    options = _parser().parse_args(argv)
    try:
        if options.alone:
            return int(options.alone(options))
        (address,) = settings.load(BrokerSettings)
        with BrokerAdmin(address, f"{PROGRAM} {options.command}") as admin:
            status: int = options.run(admin, options)
            return status
    except SettingsError as e:
        print(*e.lines, sep="\n", file=sys.stderr)
        return 2
    except BrokerError as e:
        print(
            f"{PROGRAM}: {e}\nSECCAM_BROKER_URL must point to the broker and log in as `{topology.OPERATOR_USER}`.", file=sys.stderr
        )
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="Tools for operators of seccam.",
        epilog="environment variables:\n" + settings.describe(BrokerSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(alone=None)  # what runs without a broker
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for part in (check, broker, parked, events):
        part.add_to(commands)
    for installed in entry_points(group=COMMANDS):
        installed.load()(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())

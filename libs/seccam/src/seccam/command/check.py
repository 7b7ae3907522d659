"""`seccam check`: whether the broker has everything, and whether events reach the notifier."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from seccam import drift, settings, topology
from seccam.broker import probe_message
from seccam.broker.admin import BrokerAdmin
from seccam.command.options import PROGRAM, Commands
from seccam.errors import SettingFault, SettingsError
from seccam.message import probe_event
from seccam.settings import BrokerSettings

#: Seconds that a probe may take to the notifier and its journal.
PROBE_SECONDS = 30.0


def add_to(commands: Commands) -> None:
    """Add `check`."""
    check = commands.add_parser(
        "check",
        help="check the broker: connection, exchanges, queues; with --definitions also bindings, policies and permissions",
        description="Check the broker. AMQP shows no bindings, policies and permissions, so have RabbitMQ export them: "
        "rabbitmqctl export_definitions - | seccam check --definitions -",
    )
    check.add_argument("--definitions", metavar="FILE", help="definitions that rabbitmqctl has exported; - for standard input")
    check.add_argument(
        "--end-to-end", action="store_true", help="send a probe to the notifier, and wait until it has recorded it in its journal"
    )
    check.set_defaults(run=_check)


def missing(admin: BrokerAdmin) -> list[str]:
    """The exchanges and durable queues that are missing on the broker."""
    exchanges = [f"exchange {name}" for name in topology.exchanges() if not admin.has_exchange(name)]
    return exchanges + [name for name in topology.queues() if admin.depth(name) is None]


def _check(admin: BrokerAdmin, options: argparse.Namespace) -> int:
    lacks = missing(admin)
    print(f"missing: {', '.join(lacks)}; create them with: seccam broker apply" if lacks else "all exchanges and queues exist")
    differing = _drift(options.definitions) if options.definitions else []
    print(*differing, sep="\n", end="\n" if differing else "")
    if options.definitions and not differing:
        print("bindings, policies and permissions are as they should be")
    if lacks or differing:
        return 1
    return _check_end_to_end(admin) if options.end_to_end else 0


def _drift(source: str) -> list[str]:
    (broker,) = settings.load(BrokerSettings)
    try:
        found = json.loads(sys.stdin.read() if source == "-" else Path(source).read_text())
        return drift.differences(found, broker.vhost)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as e:
        raise SettingsError(SettingFault(f"--definitions {source}", f"is not a definitions file of RabbitMQ: {e}")) from None


def _check_end_to_end(admin: BrokerAdmin) -> int:
    began = time.monotonic()
    if admin.arrives(probe_message(probe_event(PROGRAM)), topology.JOURNAL, PROBE_SECONDS):
        print(f"a probe reached the notifier and its journal within {time.monotonic() - began:.1f} s")
        return 0
    print(f"no probe reached the notifier and its journal within {PROBE_SECONDS:.0f} s: read the notifier's log")
    return 1

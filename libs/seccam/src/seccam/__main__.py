"""`seccam`: what an operator does by hand. Checks settings, makes the topology, lists and replays parked events."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from seccam import settings, topology
from seccam.broker import DEATH_HEADERS
from seccam.broker.admin import BrokerAdmin, QueuedMessage
from seccam.errors import BrokerError, SettingsError
from seccam.files import write_private
from seccam.message import REPLAYED_HEADER, WHY_HEADER
from seccam.settings import BrokerSettings
from seccam.version import __version__

PROGRAM = "seccam"

_POLICIES_TOO = """\
Queues and bindings are there. Policies (lengths, delays, expiry), users and their rights can't be set over AMQP, and
without the policies the delay queues never give an event back. Set them by RabbitMQ's own tool, where you haven't:
  seccam broker definitions --passwords passwords.json > definitions.json
  rabbitmqctl import_definitions definitions.json"""


def definitions(passwords: Mapping[str, Any], vhost: str, cameras: int) -> str:
    """The broker's definitions file, as JSON; raises SettingsError if the passwords won't do."""
    faults = [
        f"{user}: no user of seccam; there are {', '.join(topology.PERMISSIONS)}"
        for user in passwords.keys() - topology.PERMISSIONS
    ]
    faults += [
        f"{user}: the password must be a text that is not empty, without white space around it"  # services would strip that
        for user, p in passwords.items()
        if not isinstance(p, str) or not p or p != p.strip()
    ]
    if faults:
        raise SettingsError(sorted(faults))
    return json.dumps(topology.definitions(passwords, vhost=vhost, cameras=cameras), indent=2)


def apply(admin: BrokerAdmin) -> None:
    """Every durable queue and binding, made where it isn't there."""
    for name, arguments in topology.queues().items():
        try:
            admin.declare(name, arguments)
        except BrokerError as e:
            raise BrokerError(e.cause, f"queue {name}: {e}") from None
    for queue, key in topology.bindings():
        admin.bind(queue, key)


def missing(admin: BrokerAdmin) -> list[str]:
    """The durable queues that the broker lacks."""
    return [name for name in topology.queues() if admin.depth(name) is None]


def summary(held: QueuedMessage) -> dict[str, Any]:
    """What a list of parked events says of one."""
    try:
        event = json.loads(held.body)
    except ValueError:
        event = None
    event = event if isinstance(event, dict) else {}
    inner = event.get("data")
    data = inner if isinstance(inner, dict) else {}
    told = {"id": event.get("id") or held.message_id, "type": event.get("type"), "time": event.get("time")}
    why = held.headers.get(WHY_HEADER) or held.headers.get("x-first-death-reason")
    return {**told, "camera": data.get("camera"), "faces": data.get("faces"), "why": why, "bytes": len(held.body)}


def replay(admin: BrokerAdmin, ids: Collection[str]) -> list[str]:
    """Send parked events (those with these ids; none given: all) to the notifier again; the ids of those sent.

    An event leaves the parked queue after the broker has confirmed it in the events queue: if this is cut short, one may
    be in both, and the notifier tells it once. Each is sent once, though it may be parked again meanwhile.
    """
    sent = []
    for held in admin.take(topology.PARKED_QUEUE, admin.depth(topology.PARKED_QUEUE) or 0):
        event_id = str(summary(held)["id"])
        if ids and event_id not in ids:
            continue
        headers = {name: value for name, value in held.headers.items() if not name.startswith((*DEATH_HEADERS, WHY_HEADER))}
        admin.send(topology.EVENTS_QUEUE, held, {**headers, REPLAYED_HEADER: True})
        held.done()
        sent.append(event_id)
    return sent


def main(argv: Sequence[str] | None = None) -> int:
    """The command; exit status 1: the broker, or what is on it, is not as it should be; 2: wrong settings."""
    options = _parser().parse_args(argv)
    try:
        if options.run is None:  # the one command that needs no broker
            return _definitions(options)
        (broker,) = settings.load(BrokerSettings)
        with BrokerAdmin(broker, f"{PROGRAM} {options.command}") as admin:
            status: int = options.run(admin, options)
            return status
    except SettingsError as e:
        print(*e.faults, sep="\n", file=sys.stderr)
        return 2
    except BrokerError as e:
        print(f"{PROGRAM}: {e}\nSECCAM_BROKER_URL must name the broker and its user `{topology.OPERATOR_USER}`.", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="What an operator of seccam does by hand.",
        epilog="environment variables:\n" + settings.describe(BrokerSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    check = commands.add_parser("check", help="check the broker's settings and that it has every queue")
    check.set_defaults(run=_check)

    broker = commands.add_parser("broker", help="queues, bindings, users and policies").add_subparsers(
        required=True, metavar="action"
    )
    made = broker.add_parser("definitions", help="print a RabbitMQ definitions file: everything that seccam needs there")
    made.add_argument(
        "--passwords",
        required=True,
        metavar="PATH",
        help='JSON: {"camera": "its password", …}; - is standard input; of a folder, each file is a user\'s password',
    )
    made.add_argument("--output", metavar="FILE", help="file to write, for its owner's eyes (default: standard output)")
    made.add_argument("--vhost", default="/", help="vhost to make it for (default: /)")
    made.add_argument("--cameras", type=int, default=1, metavar="N", help="how many cameras there will be (default: 1)")
    made.set_defaults(run=None)
    applied = broker.add_parser("apply", help="make the queues and bindings on the broker (not users and policies)")
    applied.set_defaults(run=_apply)

    parked = commands.add_parser("parked", help="events that could not be told").add_subparsers(required=True, metavar="action")
    listed = parked.add_parser("list", help="a line of JSON for each, oldest first; they stay where they are")
    listed.add_argument("--limit", type=int, default=1000, metavar="N", help="at most so many (default: 1000)")
    listed.set_defaults(run=_list)
    sent = parked.add_parser("replay", help="send them to the notifier again, whatever their age")
    sent.add_argument("--id", action="append", default=[], dest="ids", metavar="ID", help="this one alone; may be repeated")
    sent.set_defaults(run=_replay)
    return parser


def _check(admin: BrokerAdmin, _: argparse.Namespace) -> int:
    lacks = missing(admin)
    print(f"missing: {', '.join(lacks)}; make them by: seccam broker apply" if lacks else "all queues are there")
    return 1 if lacks else 0


def _definitions(options: argparse.Namespace) -> int:
    try:
        passwords = _passwords(options.passwords)
    except (OSError, ValueError) as e:
        raise SettingsError([f"--passwords {options.passwords}: {e}"]) from None
    if not isinstance(passwords, dict):
        raise SettingsError([f"--passwords {options.passwords}: must be a JSON object of users and passwords"])
    made = definitions(passwords, options.vhost, options.cameras)
    if options.output is None:
        print(made)
        return 0
    try:
        write_private(Path(options.output), made + "\n")
    except OSError as e:
        raise SettingsError([f"--output {options.output}: {e.strerror}"]) from None
    return 0


def _passwords(source: str) -> Any:
    """What a file, standard input or a folder says; a mounted Secret has more names in its folder, that begin with a dot."""
    if source == "-":
        return json.loads(sys.stdin.read())
    path = Path(source)
    if path.is_dir():
        return {f.name: f.read_text().strip() for f in path.iterdir() if not f.name.startswith(".")}
    return json.loads(path.read_text())


def _apply(admin: BrokerAdmin, _: argparse.Namespace) -> int:
    apply(admin)
    print(_POLICIES_TOO)
    return 0


def _list(admin: BrokerAdmin, options: argparse.Namespace) -> int:
    parked = [summary(held) for held in admin.take(topology.PARKED_QUEUE, options.limit)]
    if not parked:
        print("nothing is parked", file=sys.stderr)
    for event in parked:
        print(json.dumps(event, default=repr))
    return 0


def _replay(admin: BrokerAdmin, options: argparse.Namespace) -> int:
    sent = replay(admin, options.ids)
    for event_id in sent:
        print(event_id)
    if not sent:
        print("nothing was parked", file=sys.stderr)
    absent = set(options.ids) - set(sent)
    if absent:
        print(f"not parked: {', '.join(sorted(absent))}", file=sys.stderr)
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())

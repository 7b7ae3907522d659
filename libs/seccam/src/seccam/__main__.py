"""`seccam`, the operator's command: check settings, create the topology; list, replay and delete events."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seccam import audit, drift, settings, topology
from seccam.broker import DEATH_HEADERS, probe_message
from seccam.broker.admin import BrokerAdmin, QueuedMessage
from seccam.errors import BrokerError, SettingFault, SettingsError
from seccam.files import write_private
from seccam.message import REPLAYED_HEADER, WHY_HEADER, probe_event
from seccam.settings import BrokerSettings
from seccam.version import __version__

PROGRAM = "seccam"

#: Seconds that a probe may take to the notifier and its journal.
PROBE_SECONDS = 30.0
_NOT_REACHED = f"""\
Not searched: {topology.EVENTS_QUEUE}, which the notifier empties, what the notifier holds, and the stream {topology.EVENTS_LOG},
of which RabbitMQ can't delete single messages: `seccam events empty-log` deletes all of it."""

_POLICIES_TOO = """\
The queues and bindings exist now. AMQP can't set policies (lengths, delays, expiry), users and permissions, and without the
policies the retry queues never return an event. If you haven't set them yet, use RabbitMQ's own tool:
  seccam broker definitions --cameras front,yard --passwords passwords.json > definitions.json
  rabbitmqctl import_definitions definitions.json"""


def definitions(passwords: Mapping[str, Any], vhost: str, cameras: Sequence[str], mqtt_cameras: Sequence[str] | None = None) -> str:
    """The broker's definitions file as JSON. Raises SettingsError if the names or the passwords are not usable."""
    users = topology.permissions(cameras)
    faults = [
        SettingFault(option, f"{name!r} is not a valid camera name")
        for option, names in (("--cameras", cameras), ("--mqtt-cameras", mqtt_cameras or ()))
        for name in names
        if not topology.is_camera(name)
    ]
    faults += [
        SettingFault("--mqtt-cameras", f"{name!r} is in --cameras, too; two cameras can't have one name")
        for name in mqtt_cameras or ()
        if name in cameras
    ]
    faults += [
        SettingFault(topology.camera_user(name), f"no password for the user of camera {name!r}")
        for name in cameras
        if topology.camera_user(name) not in passwords
    ]
    faults += [
        SettingFault(user, f"not a user of seccam; the users are {', '.join(users)}, and camera-NAME for each camera")
        for user in passwords.keys() - users
        if not topology.is_former_user(user)
    ]
    faults += [
        # services strip whitespace
        SettingFault(user, "the password must be a non-empty string without surrounding whitespace")
        for user, p in passwords.items()
        if not isinstance(p, str) or not p or p != p.strip()
    ]
    if faults:
        raise SettingsError(*sorted(faults, key=str))
    return json.dumps(topology.definitions(passwords, vhost=vhost, cameras=cameras, mqtt_cameras=mqtt_cameras), indent=2)


def apply(admin: BrokerAdmin) -> None:
    """Create every exchange, durable queue and binding that is missing, and remove the bindings of earlier versions."""
    for name, kind in topology.exchanges().items():
        admin.declare_exchange(name, kind)
    for name, arguments in topology.queues().items():
        try:
            admin.declare(name, arguments)
        except BrokerError as e:
            raise BrokerError(e.cause, f"queue {name}: {e}") from None
    for exchange, queue, key in topology.bindings():
        admin.bind(exchange, queue, key)
    for exchange, queue, key in topology.former_bindings():
        admin.unbind(exchange, queue, key)


def missing(admin: BrokerAdmin) -> list[str]:
    """The exchanges and durable queues that are missing on the broker."""
    exchanges = [f"exchange {name}" for name in topology.exchanges() if not admin.has_exchange(name)]
    return exchanges + [name for name in topology.queues() if admin.depth(name) is None]


def summary(held: QueuedMessage) -> dict[str, Any]:
    """One parked event as a listing shows it."""
    try:
        event = json.loads(held.body)
    except ValueError:
        event = None
    event = event if isinstance(event, dict) else {}
    inner = event.get("data")
    data = inner if isinstance(inner, dict) else {}
    fields = {"id": event.get("id") or held.message_id, "type": event.get("type"), "time": event.get("time")}
    kept_until = _kept_until(held.timestamp)
    why = held.headers.get(WHY_HEADER) or held.headers.get("x-first-death-reason")
    return {
        **fields,
        "camera": data.get("camera"),
        "faces": data.get("faces"),
        "why": why,
        "bytes": len(held.body),
        "kept_until": kept_until,
    }


def _kept_until(parked: int | None) -> str | None:
    """When the broker deletes an event that was parked at this time, or later: a rejected event keeps its first timestamp."""
    try:
        since = None if parked is None else datetime.fromtimestamp(parked, UTC)
        return None if since is None else (since + timedelta(days=topology.PARKED_DAYS)).isoformat()
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return None


def replay(admin: BrokerAdmin, ids: Collection[str]) -> list[str]:
    """Send parked events (those with these ids; all if there are none) to the notifier again; the ids of those sent.

    An event leaves the parked queue after the broker has confirmed it in the events queue. If this is interrupted, an event
    may be in both, and the notifier sends it once. Each event is sent once, even if it is parked again meanwhile.
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


def delete(admin: BrokerAdmin, matches: Callable[[Mapping[str, Any]], bool]) -> Iterator[Mapping[str, Any]]:
    """Delete the waiting events whose summary matches, which are yielded. The others go back when the connection closes."""
    for queue in topology.WAITING_QUEUES:
        for held in admin.take(queue, admin.depth(queue) or 0):
            event = summary(held)
            if matches(event):
                held.done()
                yield event


def empty_log(admin: BrokerAdmin) -> None:
    """Replace the stream of events by an empty one; monitors notice it and start over."""
    admin.delete(topology.EVENTS_LOG)
    apply(admin)


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Exit status 1: something is wrong on the broker; 2: wrong settings."""
    options = _parser().parse_args(argv)
    try:
        if options.run is None:  # the only command that needs no broker
            return _definitions(options)
        (broker,) = settings.load(BrokerSettings)
        with BrokerAdmin(broker, f"{PROGRAM} {options.command}") as admin:
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
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
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

    broker = commands.add_parser("broker", help="queues, bindings, users and policies").add_subparsers(
        required=True, metavar="action"
    )
    made = broker.add_parser("definitions", help="print a RabbitMQ definitions file with everything that seccam needs")
    made.add_argument(
        "--passwords",
        required=True,
        metavar="PATH",
        help='JSON file: {"monitor": "its password", …}; - for standard input; or a folder with one file per user',
    )
    made.add_argument("--output", metavar="FILE", help="file to write, readable by its owner only (default: standard output)")
    made.add_argument("--vhost", default="/", help="vhost (default: /)")
    made.add_argument(
        "--cameras",
        type=_names,
        required=True,
        metavar="NAMES",
        help="names of all cameras, separated by commas: front,yard; each needs a password of user camera-NAME; '' for none",
    )
    devices = made.add_mutually_exclusive_group()
    devices.add_argument(
        "--mqtt-cameras",
        type=_names,
        default=[],
        metavar="NAMES",
        help="names under which the user for devices may publish frames over MQTT (default: none)",
    )
    devices.add_argument(
        "--discovery",
        dest="mqtt_cameras",
        action="store_const",
        const=None,
        help="let devices publish frames under any name that no camera has, so that new MQTT cameras need no configuration",
    )
    made.set_defaults(run=None)
    applied = broker.add_parser("apply", help="create the queues and bindings (but no users and policies)")
    applied.set_defaults(run=_apply)

    parked = commands.add_parser("parked", help="events that no notification could be sent for").add_subparsers(
        required=True, metavar="action"
    )
    listed = parked.add_parser("list", help="print one line of JSON per event, oldest first; events stay parked")
    listed.add_argument("--limit", type=int, default=1000, metavar="N", help="maximum number of events (default: 1000)")
    listed.set_defaults(run=_list)
    sent = parked.add_parser("replay", help="send parked events to the notifier again, whatever their age")
    sent.add_argument("--id", action="append", default=[], dest="ids", metavar="ID", help="only this event; may be repeated")
    sent.set_defaults(run=_replay)

    events = commands.add_parser("events", help="delete events and their pictures").add_subparsers(required=True, metavar="action")
    deleted = events.add_parser(
        "delete", help="delete events that are parked or wait for a retry", description=_NOT_REACHED, epilog="Conditions add up."
    )
    deleted.add_argument("--id", action="append", default=[], dest="ids", metavar="ID", help="this event; may be repeated")
    deleted.add_argument("--camera", metavar="NAME", help="events of this camera")
    deleted.add_argument(
        "--before",
        type=_moment,
        metavar="TIME",
        help="events from before this time: 2026-11-01 or 2026-11-01T12:00+01:00 (UTC if not said)",
    )
    deleted.set_defaults(run=_delete)
    emptied = events.add_parser("empty-log", help="delete all events of the page's list, by replacing the stream that holds them")
    emptied.set_defaults(run=_empty_log)
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


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


def _definitions(options: argparse.Namespace) -> int:
    try:
        passwords = _passwords(options.passwords)
    except (OSError, ValueError) as e:
        raise SettingsError(SettingFault(f"--passwords {options.passwords}", str(e))) from None
    if not isinstance(passwords, dict):
        raise SettingsError(SettingFault(f"--passwords {options.passwords}", "must be a JSON object of users and passwords"))
    made = definitions(passwords, options.vhost, options.cameras, options.mqtt_cameras)
    for user in sorted(passwords.keys() - topology.permissions(options.cameras)):
        print(f"{PROGRAM}: user {user} can't log in any more, as no camera or program uses it", file=sys.stderr)
    if options.output is None:
        print(made)
        return 0
    try:
        write_private(Path(options.output), made + "\n")
    except OSError as e:
        raise SettingsError(SettingFault(f"--output {options.output}", str(e.strerror))) from None
    return 0


def _passwords(source: str) -> Any:
    """Passwords from a file, standard input or a folder; a mounted Secret's folder has extra names that begin with a dot."""
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


def _delete(admin: BrokerAdmin, options: argparse.Namespace) -> int:
    if not (options.ids or options.camera or options.before):
        raise SettingsError(SettingFault("seccam events delete", "set at least one of --id, --camera and --before"))

    def matches(event: Mapping[str, Any]) -> bool:
        return (
            (not options.ids or event["id"] in options.ids)
            and (not options.camera or event["camera"] == options.camera)
            and (not options.before or _is_before(event["time"], options.before))
        )

    deleted = []
    for event in delete(admin, matches):
        audit.note_of_command(PROGRAM, "delete", id=event["id"], camera=event["camera"], time=event["time"])
        deleted.append(str(event["id"]))
        print(event["id"])
    print(f"deleted: {len(deleted)}\n{_NOT_REACHED}", file=sys.stderr)
    absent = set(options.ids) - set(deleted)
    if absent:
        print(f"not found: {', '.join(sorted(absent))}", file=sys.stderr)
    return 1 if absent else 0


def _is_before(time: Any, moment: datetime) -> bool:
    """Whether an event's time is before the moment; False if it can't be read."""
    try:
        return _moment(time) < moment
    except (TypeError, ValueError):
        return False


def _empty_log(admin: BrokerAdmin, _: argparse.Namespace) -> int:
    empty_log(admin)
    audit.note_of_command(PROGRAM, "empty_log", stream=topology.EVENTS_LOG)
    print(f"{topology.EVENTS_LOG} is empty")
    return 0


if __name__ == "__main__":
    sys.exit(main())

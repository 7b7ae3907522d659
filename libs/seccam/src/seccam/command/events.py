"""`seccam events`: deletes events and their pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from seccam import audit, topology
from seccam.broker.admin import BrokerAdmin
from seccam.command.broker import apply
from seccam.command.options import PROGRAM, Commands
from seccam.command.parked import summary
from seccam.errors import SettingFault, SettingsError

_NOT_REACHED = f"""\
Not searched: {topology.EVENTS_QUEUE}, which the notifier empties, what the notifier holds, and the stream {topology.EVENTS_LOG},
of which RabbitMQ can't delete single messages: `seccam events empty-log` deletes all of it."""


def add_to(commands: Commands) -> None:
    """Add `events delete` and `events empty-log`."""
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


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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

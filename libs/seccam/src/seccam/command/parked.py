"""`seccam parked`: events that no notification could be sent for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from seccam import topology
from seccam.broker import DEATH_HEADERS
from seccam.broker.admin import BrokerAdmin, QueuedMessage
from seccam.command.options import Commands
from seccam.message import CHANNELS_HEADER, REPLAYED_HEADER, WHY_HEADER


def add_to(commands: Commands) -> None:
    """Add `parked list` and `parked replay`."""
    parked = commands.add_parser("parked", help="events that no notification could be sent for").add_subparsers(
        required=True, metavar="action"
    )
    listed = parked.add_parser("list", help="print one line of JSON per event, oldest first; events stay parked")
    listed.add_argument("--limit", type=int, default=1000, metavar="N", help="maximum number of events (default: 1000)")
    listed.set_defaults(run=_list)
    sent = parked.add_parser("replay", help="send parked events to the notifier again, whatever their age")
    sent.add_argument("--id", action="append", default=[], dest="ids", metavar="ID", help="only this event; may be repeated")
    sent.set_defaults(run=_replay)


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
        "channels": held.headers.get(CHANNELS_HEADER),
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

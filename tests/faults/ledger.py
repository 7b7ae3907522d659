"""The ledger: what became of every event that the broker confirmed."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from seccam import topology
from seccam.broker.connection import PIKA_ERRORS
from seccam.errors import BadMessage
from seccam.message import decode_event
from seccam_notifier.memory import JournalEntry
from tests.brokers import RunningBroker
from tests.faults.phone import Phone, Told, shown

#: Seconds after which an event counts as told late.
LATE = 2.0
#: The channel that the ledger is of.
CHANNEL = "ifttt"
#: Where each row's line is written.
FOLDER = Path(__file__).parents[1] / "artifacts" / "faults"

T = TypeVar("T")


@dataclass(frozen=True)
class Owed:
    """An event that must not be lost."""

    id: str
    #: What the phone shows of it.
    told: Told
    #: When it was handed over, monotonic seconds.
    at: float


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    confirmed: int
    notified: int
    suppressed: int
    parked: int
    lost: int
    doubled: int
    #: Seconds from the end of the fault until the last late event was told; None if none was late.
    normal: float | None
    fault: str = ""
    injected: str = ""

    @classmethod
    def of(cls, broker: RunningBroker, phone: Phone, events: Sequence[Owed], ended: float, recorded: set[str]) -> Line:
        """The line of these events; `ended` is when the fault ended, monotonic seconds.

        `recorded` are suppressed events whose record was deleted with the journal.
        """
        ids = {one.id for one in events}
        told = {one.id: phone.accepted[one.told] for one in events if one.told in phone.accepted}
        silent = (ids & (_suppressed(broker) | recorded)) - told.keys()
        parked = (ids & _parked(broker)) - told.keys() - silent
        late = [told[one.id][0] for one in events if one.id in told and told[one.id][0] - one.at > LATE]
        return cls(
            confirmed=len(ids),
            notified=len(told),
            suppressed=len(silent),
            parked=len(parked),
            lost=len(ids - told.keys() - silent - parked),
            doubled=sum(len(accepted) - 1 for accepted in told.values()),
            normal=round(max(0.0, max(late) - ended), 1) if late else None,
        )

    def write(self) -> None:
        """Write it for the page."""
        keep("events", self.fault, asdict(self))


def keep(table: str, fault: str, row: Mapping[str, Any]) -> None:
    """Keep a row of a table for the page."""
    folder = FOLDER / table
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{quote(fault, safe=' ')}.json").write_text(json.dumps(row))


def seen(fault: str, injected: str, what: str) -> None:
    """Write a row of the page's table."""
    keep("frames", fault, {"fault": fault, "injected": injected, "seen": what})


def kept(table: str) -> list[dict[str, Any]]:
    """The rows of the last run, by the fault's name."""
    rows = [json.loads(file.read_text()) for file in (FOLDER / table).glob("*.json")]
    return sorted(rows, key=lambda row: str(row["fault"]))


def reported(broker: RunningBroker, folder: Path) -> list[Owed]:
    """The events of the workers that log to this folder, from the moment they were on disk or with the broker."""
    known = recorded_events(broker)
    logs = [log.read_text().splitlines() for log in folder.glob("worker-*.log")]
    lines = [json.loads(line) for log in logs for line in log if '"faces_reported"' in line]
    ahead = time.monotonic() - time.time()
    return [
        Owed(line["event_id"], known.get(line["event_id"], ("", "")), datetime.fromisoformat(line["timestamp"]).timestamp() + ahead)
        for line in lines
    ]


def recorded_events(broker: RunningBroker) -> dict[str, Told]:
    """What the phone would show of each event that is in the journal or in the log of events, by id."""
    logged = {one.id: shown(one.camera, one.time) for one in _decoded(broker, topology.EVENTS_LOG, decode_event)}
    return logged | {entry.id: shown(entry.camera or "", entry.time) for entry in _journal(broker)}


def _journal(broker: RunningBroker) -> list[JournalEntry]:
    return _decoded(broker, topology.JOURNAL, JournalEntry.decode)


def _decoded(broker: RunningBroker, queue: str, decode: Callable[[bytes], T]) -> list[T]:
    """What is in a queue or a stream and can be read."""
    found = []
    for body in _messages(broker, queue):
        with contextlib.suppress(BadMessage):  # a mark in the journal, or poison
            found.append(decode(body))
    return found


def _suppressed(broker: RunningBroker) -> set[str]:
    return {entry.id for entry in _journal(broker) if entry.outcome == "suppressed" and entry.channel in (None, CHANNEL)}


def _parked(broker: RunningBroker) -> set[str]:
    return {event.id for event in _decoded(broker, topology.PARKED_QUEUE, decode_event)}


def _messages(broker: RunningBroker, queue: str) -> list[bytes]:
    """All messages of a queue, which keeps them; none while it can't be read."""
    is_stream = topology.queues()[queue]["x-queue-type"] == "stream"
    found = []
    try:
        with broker.connection() as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=200 if is_stream else 0)  # 0: no limit
            arguments = {"x-stream-offset": "first"} if is_stream else {}
            for method, _, body in channel.consume(queue, arguments=arguments, inactivity_timeout=1.0):
                if method is None:
                    break
                found.append(body)
                if is_stream:  # reading a stream takes nothing from it
                    channel.basic_ack(method.delivery_tag)
    except PIKA_ERRORS:
        time.sleep(0.5)
    return found

"""The ledger: what became of every event that the broker confirmed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seccam import topology
from seccam.broker.connection import PIKA_ERRORS
from seccam.errors import BadMessage
from seccam_notifier.memory import JournalEntry
from tests.brokers import RunningBroker
from tests.faults.load import Published
from tests.faults.phone import Phone

#: Seconds after which an event counts as told late.
LATE = 2.0
#: Where each row's line is written.
FOLDER = Path(__file__).parents[1] / "artifacts" / "faults"


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
    def of(cls, broker: RunningBroker, phone: Phone, published: Sequence[Published], ended: float, recorded: set[str]) -> Line:
        """The line of these confirmed events; `ended` is when the fault ended, monotonic seconds.

        `recorded` are suppressed events whose record was deleted with the journal.
        """
        ids = {one.event.id for one in published}
        told = {one.event.id: phone.accepted[one.told] for one in published if one.told in phone.accepted}
        silent = (ids & (_suppressed(broker) | recorded)) - told.keys()
        parked = (ids & _parked(broker)) - told.keys() - silent
        late = [told[one.event.id][0] for one in published if one.event.id in told and told[one.event.id][0] - one.at > LATE]
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
        FOLDER.mkdir(parents=True, exist_ok=True)
        name = "".join(letter if letter.isalnum() else "-" for letter in self.fault)
        (FOLDER / f"{name}.json").write_text(json.dumps(asdict(self)))


def _suppressed(broker: RunningBroker) -> set[str]:
    found = set()
    for body in _messages(broker, topology.JOURNAL, {"x-stream-offset": "first"}):
        try:
            entry = JournalEntry.decode(body)
        except BadMessage:  # a mark
            continue
        if entry.outcome == "suppressed":
            found.add(entry.id)
    return found


def _parked(broker: RunningBroker) -> set[str]:
    return {json.loads(body)["id"] for body in _messages(broker, topology.PARKED_QUEUE, {}) if body.startswith(b"{")}


def _messages(broker: RunningBroker, queue: str, arguments: dict[str, str]) -> list[bytes]:
    """All messages of a queue, which keeps them; none while it can't be read."""
    found = []
    try:
        with broker.connection() as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=1000 if not arguments else 200)
            for method, _, body in channel.consume(queue, arguments=arguments, inactivity_timeout=1.0):
                if method is None:
                    break
                found.append(body)
                if arguments:  # reading a stream takes nothing from it
                    channel.basic_ack(method.delivery_tag)
    except PIKA_ERRORS:
        time.sleep(0.5)
    return found

"""The notifier: one event in, one outcome out."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from seccam import logs, topology
from seccam.broker import Publisher
from seccam.errors import BadMessage
from seccam.message import AnyEvent, PresenceEvent, ProbeEvent, decode_event
from seccam.metrics import EVENT_TYPES
from seccam.probes import Heartbeat
from seccam.settings import VisitSettings
from seccam_notifier import PROGRAM
from seccam_notifier.channels import Channel
from seccam_notifier.dispatcher import Dispatcher, names
from seccam_notifier.handover import Handover
from seccam_notifier.journal import Journal
from seccam_notifier.lane import Lane, Start, in_a_thread
from seccam_notifier.memory import JournalEntry, Memory, Outcome
from seccam_notifier.metrics import ALL_CHANNELS, NotifierMetrics
from seccam_notifier.notification import Writer
from seccam_notifier.received import ReceivedMessage

log = logs.get(PROGRAM)

#: Seconds that an event waits for the journal to be read; then events are handled without it.
JOURNAL_SECONDS = 30.0
#: Seconds without an event after which another notifier may have been the active one.
IDLE_SECONDS = 5.0
#: Calls by Nuclio without an event, in a row, after which the process ends.
MOST_EMPTY = 3


class Notifier:
    """Handles one event after another, in one thread."""

    def __init__(
        self,
        visit: VisitSettings,
        *,
        channels: Sequence[Channel],
        max_per_minute: int,
        writer: Writer,
        publisher: Publisher,
        journal: Journal,
        metrics: NotifierMetrics,
        start: Start = in_a_thread,
    ) -> None:
        """`start` starts a call of a channel."""
        self._journal, self._metrics = journal, metrics
        self._empties = 0
        #: When the last event was handled, monotonic seconds; None if none was.
        self._handled_at: float | None = None
        self._copies, self._forgeries = logs.Throttle(), logs.Throttle()
        #: Beats while an event waits for the broker.
        self.heartbeat = Heartbeat()
        lanes = [
            Lane(
                channel,
                Memory(visit.gap_seconds),
                metrics,
                reminder=visit.reminder_seconds,
                max_per_minute=max_per_minute if channel.is_read_by_people else 0,
                start=start,
            )
            for channel in channels
        ]
        handover = Handover(publisher, metrics, self.heartbeat)
        self._dispatcher = Dispatcher(lanes, handover, journal, metrics, writer)

    def handle(self, received: ReceivedMessage) -> str:
        """What became of the message; returns only when that is certain, and never raises."""
        self._empties = 0
        if received.is_copy:
            return self._pass_over_copy(received)
        if received.is_forged:
            return self._drop_forged(received)
        self._know_what_others_did()
        kind, event = "unknown", None
        outcomes: dict[str, Outcome] = {ALL_CHANNELS: "parked"}
        try:
            self._metrics.received.labels("retry" if received.is_retry else "first").inc()
            event = self._decode(received)
            kind = EVENT_TYPES[event.type] if event else kind
            outcomes = self._decide(received, event) if event else outcomes
        except Exception as e:  # noqa: BLE001  # Nuclio would lose the event of a handler that raised
            log.error("handler_failed", event_id=received.message_id, error=logs.place(e))  # noqa: TRY400  # a trace may hold a secret
            self._dispatcher.park(received, None, "bug", channels=())
        for channel, outcome in outcomes.items():
            self._metrics.count_event(kind, outcome, channel)
        self._handled_at = time.monotonic()
        return ", ".join(dict.fromkeys(outcomes.values()))

    def handle_empty(self) -> str:
        """Nuclio called without an event. It does so for ever once its queue was deleted (nuclio#3701)."""
        self._metrics.empty.inc()
        self._empties += 1
        if self._empties >= MOST_EMPTY:
            log.error("queue_lost", queue=topology.EVENTS_QUEUE, remedy="ending, to be restarted")
            os._exit(1)  # the only way out of Nuclio's loop; no event is in hand
        return "empty"

    def remember(self, entry: JournalEntry) -> None:
        """Remember what became of an event."""
        self._dispatcher.remember(entry)

    def _know_what_others_did(self) -> None:
        """Have the journal read before the first event, and after a pause, in which another notifier may have been active."""
        now = time.monotonic()
        if self._handled_at is not None and now - self._handled_at < IDLE_SECONDS:
            return
        while self._handled_at is None and not self._journal.is_read:
            if time.monotonic() - now > JOURNAL_SECONDS:
                log.error("journal_unread", seconds=JOURNAL_SECONDS, meaning="notifications may be repeated")
                break
            self.heartbeat.beat()
            time.sleep(0.05)
        self._journal.catch_up()

    def _pass_over_copy(self, received: ReceivedMessage) -> str:
        """A binding of an earlier version brings the copies that are meant for the page."""
        if self._copies.allows("copies"):
            log.warning("copy_received", event_id=received.message_id, remedy="remove the old binding: seccam broker apply")
        return "duplicate"

    def _drop_forged(self, received: ReceivedMessage) -> Outcome:
        """It is not parked: whoever forges events must not fill the disk with them."""
        self._metrics.received.labels("first").inc()
        self._metrics.count_event("unknown", "forged", ALL_CHANNELS)
        if self._forgeries.allows("forged"):
            log.warning("event_forged", key=received.key, meaning="its sender may not publish events")
        return "forged"

    def _decode(self, received: ReceivedMessage) -> AnyEvent | None:
        try:
            return decode_event(received.body)
        except BadMessage as e:
            self._dispatcher.park(received, None, "schema", str(e), channels=())
            return None

    def _decide(self, received: ReceivedMessage, event: AnyEvent) -> dict[str, Outcome]:
        """What became of the event, by channel."""
        if isinstance(event, ProbeEvent):
            return {ALL_CHANNELS: self._take_probe(event)}
        if isinstance(event, PresenceEvent):  # never news: it says how long the visit lasts
            log.debug("presence_received", type=event.type, **names(event))
            return self._dispatcher.suppress(received, event)
        return self._dispatcher.dispatch(received, event)

    def _take_probe(self, event: ProbeEvent) -> Outcome:
        """A probe has arrived: the way from a worker to here works."""
        self._metrics.observe_probe(event, datetime.now(UTC))
        self._journal.write(JournalEntry.of(event, "probed"), wait=False)
        log.debug("probe_received", **names(event))
        return "probed"

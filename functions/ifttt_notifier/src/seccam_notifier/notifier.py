"""The notifier: one event in, one outcome out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from seccam import logs, topology
from seccam.broker import Publisher
from seccam.errors import BadMessage
from seccam.message import AnyEvent, CommandEvent, PresenceEvent, ProbeEvent, decode_event
from seccam.metrics import EVENT_TYPES
from seccam.order import Order
from seccam.probes import Heartbeat
from seccam.settings import VisitSettings
from seccam_notifier import PROGRAM
from seccam_notifier.channels import Channel
from seccam_notifier.dispatcher import Dispatcher, names
from seccam_notifier.handover import Handover
from seccam_notifier.journal import Journal
from seccam_notifier.lane import Lane, Start, in_a_thread
from seccam_notifier.memory import MAX_AGE, JournalEntry, Memory, Outcome
from seccam_notifier.metrics import ALL_CHANNELS, NotifierMetrics
from seccam_notifier.mode import Modes
from seccam_notifier.notification import Writer
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.retry import DELAY_QUEUES, DELAYS, delay_name

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
        modes: Modes,
        metrics: NotifierMetrics,
        start: Start = in_a_thread,
    ) -> None:
        """`start` starts a call of a channel."""
        self._journal, self._modes, self._metrics = journal, modes, metrics
        self._empties = 0
        #: When the last event was handled, monotonic seconds; None if none was.
        self._handled_at: float | None = None
        self._copies, self._forgeries, self._refusals = logs.Throttle(), logs.Throttle(), logs.Throttle()
        #: Set when a command was carried out.
        self.mode_changed = threading.Event()
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
        self._handover = Handover(publisher, metrics, self.heartbeat)
        self._dispatcher = Dispatcher(lanes, modes, handover=self._handover, journal=journal, metrics=metrics, writer=writer)

    def handle(self, received: ReceivedMessage) -> str:
        """What became of the message; returns only when that is certain, and never raises."""
        self._empties = 0
        if received.is_copy:
            return self._pass_over_copy(received)
        if received.is_forged:
            return self._drop_forged(received)
        self._know_what_others_did()
        kind = "unknown"
        outcomes: dict[str, Outcome] = {ALL_CHANNELS: "parked"}
        try:
            self._metrics.received.labels("retry" if received.is_retry else "first").inc()
            event = _ordered(received.body) if received.is_order else decode_event(received.body)
            kind = EVENT_TYPES[event.type]
            outcomes = self._decide(received, event)
        except BadMessage as e:
            outcomes = {ALL_CHANNELS: self._refuse(received, str(e))}
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
        if entry.state:
            self._modes.recall(entry.state)

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
        self._metrics.received.labels("first").inc()
        self._metrics.count_event("unknown", "forged", ALL_CHANNELS)
        return self._note_forgery(received)

    def _note_forgery(self, received: ReceivedMessage) -> Outcome:
        """It is not parked: whoever forges events must not fill the disk with them."""
        if self._forgeries.allows("forged"):
            log.warning("event_forged", key=received.key, meaning="its sender may not publish events")
        return "forged"

    def _refuse(self, received: ReceivedMessage, why: str) -> Outcome:
        """What can't be read is parked; not a command, which its sender can give again."""
        if not received.is_command:
            return self._dispatcher.park(received, None, "schema", why, channels=())
        if self._refusals.allows("command"):
            log.warning("command_refused", key=received.key, error=why)
        return "refused"

    def _decide(self, received: ReceivedMessage, event: AnyEvent) -> dict[str, Outcome]:
        """What became of the event, by channel."""
        if not received.may_be(event):
            return {ALL_CHANNELS: self._note_forgery(received)}
        if isinstance(event, CommandEvent):
            return {ALL_CHANNELS: self._obey(received, event)}
        if isinstance(event, ProbeEvent):
            return {ALL_CHANNELS: self._take_probe(event)}
        if isinstance(event, PresenceEvent):  # never news: it says how long the visit lasts
            log.debug("presence_received", type=event.type, **names(event))
            return self._dispatcher.suppress(received, event)
        return self._dispatcher.dispatch(received, event)

    def _obey(self, received: ReceivedMessage, command: CommandEvent) -> Outcome:
        """A command holds from now on. It is not given up before the journal has what it led to, unless that takes a day."""
        now = datetime.now(UTC)
        state = self._modes.obey(command, now)
        self.mode_changed.set()
        said = command.data.model_dump(exclude_none=True, mode="json")
        if self._journal.write(JournalEntry.of_state(state), wait=True) or now - command.time > MAX_AGE:
            log.info("command_applied", event_id=command.id, **said)
            return "applied"
        delay = min(DELAY_QUEUES)
        whole = replace(received, body=command.encode())  # an order says neither its id nor, perhaps, when it ends
        queue = self._handover.pass_on(whole, command.id, {}, DELAYS, delay)
        self._metrics.requeued.labels(ALL_CHANNELS, delay_name(delay), "journal").inc()
        log.warning("event_requeued", queue=queue, cause="journal", event_id=command.id, **said)
        return "requeued"

    def _take_probe(self, event: ProbeEvent) -> Outcome:
        """A probe has arrived: the way from a worker to here works."""
        self._metrics.observe_probe(event, datetime.now(UTC))
        self._journal.write(JournalEntry.of(event, "probed"), wait=False)
        log.debug("probe_received", **names(event))
        return "probed"


def _ordered(body: bytes) -> CommandEvent:
    """The command that an MQTT client gives now. Raises BadMessage."""
    return Order.read(body).command("mqtt", "mqtt", datetime.now(UTC))

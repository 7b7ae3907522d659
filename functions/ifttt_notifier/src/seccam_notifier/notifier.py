"""The notifier: one event in, one outcome out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from seccam import logs, topology
from seccam.broker import Publisher
from seccam.errors import BadMessage
from seccam.message import (
    ATTEMPT_HEADER,
    FACE_PRESENT,
    SUPPRESSED_HEADER,
    WHY_HEADER,
    AnyEvent,
    CameraEvent,
    FaceEvent,
    PresenceEvent,
    ProbeEvent,
    decode_event,
)
from seccam.metrics import EVENT_TYPES
from seccam.probes import Heartbeat
from seccam.settings import VisitSettings
from seccam_notifier import PROGRAM
from seccam_notifier.channels import Answer, Channel
from seccam_notifier.handover import Handover
from seccam_notifier.journal import Journal
from seccam_notifier.memory import MAX_AGE, JournalEntry, Memory, Outcome
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.notification import sum_of
from seccam_notifier.rate_limit import RateLimit
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.retry import DELAY_QUEUES, DELAYS, Breaker, delay_name, retry_delay
from seccam_notifier.settings import NotifierSettings

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
        settings: NotifierSettings,
        visit: VisitSettings,
        *,
        channel: Channel,
        publisher: Publisher,
        journal: Journal,
        metrics: NotifierMetrics,
    ) -> None:
        self._zone, self._reminder = settings.zone, visit.reminder_seconds
        self._channel, self._journal, self._metrics = channel, journal, metrics
        self._breaker, self._limit = Breaker(), RateLimit(settings.max_per_minute)
        self._empties = 0
        #: Shared by the thread that handles events and the one that reads the journal.
        self._memory = Memory(visit.gap_seconds)
        self._remembering = threading.Lock()
        #: When the last event was handled, monotonic seconds; None if none was.
        self._handled_at: float | None = None
        self._copies, self._forgeries = logs.Throttle(), logs.Throttle()
        #: Beats while an event waits for the broker.
        self.heartbeat = Heartbeat()
        self._handover = Handover(publisher, metrics, self.heartbeat)

    def handle(self, received: ReceivedMessage) -> str:
        """What became of the message; returns only when that is certain, and never raises."""
        self._empties = 0
        if received.is_copy:
            return self._pass_over_copy(received)
        if received.is_forged:
            return self._drop_forged(received)
        self._know_what_others_did()
        kind, event = "unknown", None
        try:
            self._metrics.received.labels("retry" if received.is_retry else "first").inc()
            event = self._decode(received)
            kind = EVENT_TYPES[event.type] if event else kind
            outcome = self._decide(received, event) if event else "parked"
        except Exception as e:  # noqa: BLE001  # Nuclio would lose the event of a handler that raised
            log.error("handler_failed", event_id=received.message_id, error=logs.place(e))  # noqa: TRY400  # a trace may hold a secret
            self._park(received, None, "bug")
            outcome = "parked"
        if event and outcome != "requeued":
            self._limit.release(event.id)
        self._metrics.events.labels(kind, outcome).inc()
        self._handled_at = time.monotonic()
        return outcome

    def handle_empty(self) -> str:
        """Nuclio called without an event. It does so for ever once its queue was deleted (nuclio#3701)."""
        self._metrics.empty.inc()
        self._empties += 1
        if self._empties >= MOST_EMPTY:
            log.error("queue_lost", queue=topology.EVENTS_QUEUE, remedy="ending, to be restarted")
            os._exit(1)  # the only way out of Nuclio's loop; no event is in hand
        return "empty"

    def remember(self, entry: JournalEntry) -> JournalEntry:
        """Remember what became of an event; returns the entry with what its visit's notifications have reported."""
        with self._remembering:
            return self._memory.record(entry)

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
        self._metrics.events.labels("unknown", "forged").inc()
        if self._forgeries.allows("forged"):
            log.warning("event_forged", key=received.key, meaning="its sender may not publish events")
        return "forged"

    def _decode(self, received: ReceivedMessage) -> AnyEvent | None:
        try:
            return decode_event(received.body)
        except BadMessage as e:
            self._park(received, None, "schema", detail=str(e))
            return None

    def _decide(self, received: ReceivedMessage, event: AnyEvent) -> Outcome:
        if isinstance(event, ProbeEvent):
            return self._take_probe(event)
        if isinstance(event, PresenceEvent):  # never news: it says how long the visit lasts
            log.debug("presence_received", type=event.type, **_names(event))
            return self._suppress(received, event)
        if received.is_suppressed:  # decided before, and not on record
            return self._suppress(received, event)
        now, attempt = datetime.now(UTC), received.attempt
        age = self._metrics.observe_age("received", event, now)
        log.info("event_received", attempt=attempt, age_ms=round(age * 1000), **_names(event))
        with self._remembering:
            verdict = self._memory.judge(event, now, reminder=self._reminder, attempt=attempt, replayed=received.replayed)
        if verdict == "notify":
            return self._notify(received, event)
        if verdict == "too_old":
            return self._park(received, event, "too_old")
        log.info("event_suppressed", why="duplicate" if verdict == "duplicate" else "visit", **_names(event))
        return "duplicate" if verdict == "duplicate" else self._suppress(received, event)

    def _take_probe(self, event: ProbeEvent) -> Outcome:
        """A probe has arrived: the way from a worker to here works."""
        self._metrics.observe_probe(event, datetime.now(UTC))
        self._journal.write(JournalEntry.of(event, "probed"), wait=False)
        log.debug("probe_received", **_names(event))
        return "probed"

    def _suppress(self, received: ReceivedMessage, event: FaceEvent | PresenceEvent | CameraEvent) -> Outcome:
        """Record that there is no notification. An event that was confirmed is not given up before its record is."""
        entry = self.remember(JournalEntry.of(event, "suppressed"))
        is_durable = event.type != FACE_PRESENT
        if self._journal.write(entry, wait=is_durable) or not is_durable or datetime.now(UTC) - event.time > MAX_AGE:
            return "suppressed"
        delay = min(DELAY_QUEUES)
        queue = self._handover.pass_on(received, event.id, {SUPPRESSED_HEADER: True}, DELAYS, delay)
        self._metrics.requeued.labels(delay_name(delay), "journal").inc()
        log.debug("event_requeued", queue=queue, cause="journal", **_names(event))
        return "requeued"

    def _notify(self, received: ReceivedMessage, event: FaceEvent | CameraEvent) -> Outcome:
        if not self._breaker.allows(time.monotonic()):
            return self._requeue(received, event, "circuit_open", None, called=False)
        began, entry = time.monotonic(), JournalEntry.of(event, "notified")
        if not self._limit.allows(began):
            self._limit.hold(entry)
            return self._requeue(received, event, "limit", None, called=False)
        others = self._limit.waiting_beside(entry)
        answer = self._channel.send(sum_of(event, others, datetime.now(UTC), self._zone))
        self._count(answer, event, time.monotonic() - began)
        if answer.accepted:
            age = self._metrics.observe_age("notified", event, datetime.now(UTC))
            self._record_notified(entry, others)
            together = {"together_with": len(others)} if others else {}
            log.info("event_notified", age_ms=round(age * 1000), attempts=received.attempt + 1, **together, **_names(event))
            return "notified"
        if answer.retry_cause:
            return self._requeue(received, event, answer.retry_cause, answer.retry_after, called=True)
        remedy = ": wrong IFTTT_KEY? Correct it, then: seccam parked replay" if answer.result == "401" else ""
        return self._park(received, event, "refused", detail=(answer.detail or answer.result) + remedy)

    def _record_notified(self, entry: JournalEntry, others: Sequence[JournalEntry]) -> None:
        """The channel has taken a notification of this event and of others, which come back as duplicates."""
        self._limit.sent(time.monotonic())
        self._metrics.last_success.labels(self._channel.name).set_to_current_time()
        self._journal.write(self.remember(entry), wait=True)
        for other in others:
            self._journal.write(self.remember(other), wait=False)
            self._limit.release(other.id)

    def _count(self, answer: Answer, event: AnyEvent, seconds: float) -> None:
        name = self._channel.name
        if answer.retry_cause:
            self._breaker.failed(time.monotonic())
        else:
            self._breaker.answered()
        self._metrics.circuit_open.set(self._breaker.open)
        self._metrics.attempts.labels(name, answer.result).inc()
        self._metrics.attempt_seconds.labels(name).observe(seconds)
        write = log.info if answer.accepted else log.warning
        detail = {"detail": answer.detail} if answer.detail else {}
        write("channel_answered", channel=name, result=answer.result, ms=round(seconds * 1000), **detail, **_names(event))

    def _requeue(
        self, received: ReceivedMessage, event: FaceEvent | CameraEvent, cause: str, retry_after: float | None, *, called: bool
    ) -> Outcome:
        """Send it to a delay queue; only a call that was made counts as an attempt."""
        delay = retry_delay(received.attempt, retry_after, outage=self._breaker.outage)
        attempt = received.attempt + called
        queues = [DELAY_QUEUES[delay], *DELAYS, topology.PARKED_QUEUE]
        queue = self._handover.pass_on(received, event.id, {ATTEMPT_HEADER: attempt}, queues, delay)
        entry = JournalEntry.of(event, "requeued")
        with self._remembering:
            is_recorded = self._memory.is_pending(entry)
        if not is_recorded:
            self._journal.write(self.remember(entry), wait=False)
        self._metrics.requeued.labels(delay_name(delay), cause).inc()
        log.warning("event_requeued", queue=queue, delay=delay_name(delay), cause=cause, **_names(event))
        return "requeued"

    def _park(self, received: ReceivedMessage, event: AnyEvent | None, why: str, detail: str = "") -> Outcome:
        reason = {WHY_HEADER: f"{why}: {detail}" if detail else why}
        event_id = event.id if event else received.message_id
        self._handover.pass_on(received, event_id, reason, [topology.PARKED_QUEUE, *reversed(DELAYS)])
        if event:
            self._journal.write(self.remember(JournalEntry.of(event, "parked")), wait=False)
        self._metrics.parked.labels(why).inc()
        log.error("event_parked", why=why, detail=detail, **(_names(event) if event else {"event_id": received.message_id}))
        return "parked"


def _names(event: AnyEvent) -> dict[str, str]:
    """What every log line on an event carries."""
    return {"event_id": event.id, "trace_id": event.trace_id, "camera": event.camera}

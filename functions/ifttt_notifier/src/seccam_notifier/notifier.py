"""The notifier: one event in, one outcome out."""

from __future__ import annotations

import os
import threading
import time
import traceback
from datetime import UTC, datetime
from typing import Literal

from seccam import logs, topology
from seccam.backoff import Backoff
from seccam.broker import Message, MissingStream, Publisher
from seccam.errors import BadMessage, BrokerError
from seccam.message import ATTEMPT_HEADER, WHY_HEADER, AnyEvent, CameraEvent, FaceEvent, PresenceEvent, decode_event
from seccam.metrics import EVENT_TYPES
from seccam.probes import Heartbeat
from seccam.settings import VisitSettings
from seccam_notifier import PROGRAM
from seccam_notifier.channels import Answer, Channel
from seccam_notifier.journal import Journal
from seccam_notifier.memory import JournalEntry, Memory, Outcome
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.notification import notification_of
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.retry import DELAY_QUEUES, Breaker, delay_name, retry_delay
from seccam_notifier.settings import NotifierSettings

log = logs.get(PROGRAM)

#: Seconds between attempts to read the journal: the first and the longest.
READ_AGAIN = (0.25, 5.0)
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
        self._channel, self._publisher, self._journal, self._metrics = channel, publisher, journal, metrics
        self._breaker = Breaker()
        self._empties = 0
        #: Shared by the thread that handles events and the one that reads the journal.
        self._memory = Memory(visit.gap_seconds)
        self._remembering = threading.Lock()
        #: The journal was read, or there is none.
        self._may_begin = threading.Event()
        #: The journal was read.
        self.journal_ready = threading.Event()
        #: Beats while an event waits for the broker.
        self.heartbeat = Heartbeat()

    def recall(self) -> None:
        """Read the journal, again until that works. Without one, events are handled: better notified twice than never."""
        failures, backoff = logs.Throttle(), Backoff(*READ_AGAIN)
        while True:
            try:
                entries = self._journal.read(self._remember)
                break
            except MissingStream:
                self._may_begin.set()
                if failures.allows("missing"):
                    remedy = "load the broker's definitions, or run: seccam broker apply"
                    log.error("journal_missing", queue=topology.JOURNAL, remedy=remedy)  # noqa: TRY400  # says it all
            except BrokerError as e:
                if failures.allows(str(e)):
                    log.warning("journal_unavailable", cause=e.cause, error=str(e))
            time.sleep(backoff.next_delay())
        self._may_begin.set()
        self.journal_ready.set()
        self._metrics.journal_ready.set(1)
        log.info("journal_read", entries=entries)

    def handle(self, received: ReceivedMessage) -> str:
        """What became of the message; returns only when that is certain, and never raises."""
        self._empties = 0
        while not self._may_begin.wait(0.5):
            self.heartbeat.beat()
        kind = "unknown"
        try:
            self._metrics.received.labels("retry" if received.attempt else "first").inc()
            event = self._decode(received)
            kind = EVENT_TYPES[event.type] if event else kind
            outcome = self._decide(received, event) if event else "parked"
        except Exception as e:  # noqa: BLE001  # Nuclio would lose the event of a handler that raised
            log.error("handler_failed", event_id=received.message_id, error=_where(e))  # noqa: TRY400  # a trace may hold a secret
            self._park(received, None, "bug")
            outcome = "parked"
        self._metrics.events.labels(kind, outcome).inc()
        return outcome

    def handle_empty(self) -> str:
        """Nuclio called without an event. It does so for ever once its queue was deleted (nuclio#3701)."""
        self._metrics.empty.inc()
        self._empties += 1
        if self._empties >= MOST_EMPTY:
            log.error("queue_lost", queue=topology.EVENTS_QUEUE, remedy="ending, to be restarted")
            os._exit(1)  # the only way out of Nuclio's loop; no event is in hand
        return "empty"

    def _decode(self, received: ReceivedMessage) -> AnyEvent | None:
        try:
            return decode_event(received.body)
        except BadMessage as e:
            self._park(received, None, "schema", detail=str(e))
            return None

    def _decide(self, received: ReceivedMessage, event: AnyEvent) -> Outcome:
        if isinstance(event, PresenceEvent):  # never news: it says how long the visit lasts
            log.debug("presence_received", type=event.type, **_names(event))
            return self._record(event, "suppressed")
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
        return "duplicate" if verdict == "duplicate" else self._record(event, "suppressed")

    def _notify(self, received: ReceivedMessage, event: FaceEvent | CameraEvent) -> Outcome:
        if not self._breaker.allows(time.monotonic()):
            return self._requeue(received, event, "circuit_open", None)
        began = time.monotonic()
        answer = self._channel.send(notification_of(event, datetime.now(UTC), self._zone))
        self._count(answer, event, time.monotonic() - began)
        if answer.accepted:
            self._metrics.last_success.labels(self._channel.name).set_to_current_time()
            age = self._metrics.observe_age("notified", event, datetime.now(UTC))
            self._record(event, "notified")
            log.info("event_notified", age_ms=round(age * 1000), attempts=received.attempt + 1, **_names(event))
            return "notified"
        if answer.retry_cause:
            return self._requeue(received, event, answer.retry_cause, answer.retry_after)
        remedy = ": wrong IFTTT_KEY? Correct it, then: seccam parked replay" if answer.result == "401" else ""
        return self._park(received, event, "refused", detail=(answer.detail or answer.result) + remedy)

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

    def _requeue(self, received: ReceivedMessage, event: AnyEvent, cause: str, retry_after: float | None) -> Outcome:
        delay = retry_delay(received.attempt, retry_after)
        self._hand_over(received.to(DELAY_QUEUES[delay], event.id, {ATTEMPT_HEADER: received.attempt + 1}))
        self._record(event, "requeued")
        self._metrics.requeued.labels(delay_name(delay), cause).inc()
        log.warning("event_requeued", delay=delay_name(delay), cause=cause, **_names(event))
        return "requeued"

    def _park(self, received: ReceivedMessage, event: AnyEvent | None, why: str, detail: str = "") -> Outcome:
        reason = {WHY_HEADER: f"{why}: {detail}" if detail else why}
        self._hand_over(received.to(topology.PARKED_QUEUE, event.id if event else received.message_id, reason))
        if event:
            self._record(event, "parked")
        self._metrics.parked.labels(why).inc()
        log.error("event_parked", why=why, detail=detail, **(_names(event) if event else {"event_id": received.message_id}))
        return "parked"

    def _hand_over(self, message: Message) -> None:
        """Returns when the broker has the message; until then the event is ours, and not acknowledged."""
        while (confirmed := self._publisher.publish_durable(message)) is None:
            self.heartbeat.beat()
            time.sleep(1.0)
        if confirmed.wait(1.0):
            return
        self._metrics.holding.set(1)
        log.warning("event_held", event_id=message.message_id, queue=message.queue)
        while not confirmed.wait(1.0):
            self.heartbeat.beat()
        self._metrics.holding.set(0)

    def _record(self, event: AnyEvent, outcome: Literal["notified", "suppressed", "requeued", "parked"]) -> Outcome:
        """Remember what became of the event, here and in the journal."""
        entry = self._remember(JournalEntry.of(event, outcome))
        # the others are judged alike again without their entry
        self._journal.write(entry, wait=outcome == "notified")
        return outcome

    def _remember(self, entry: JournalEntry) -> JournalEntry:
        with self._remembering:
            return self._memory.record(entry)


def _names(event: AnyEvent) -> dict[str, str]:
    """What every log line on an event carries."""
    return {"event_id": event.id, "trace_id": event.trace_id, "camera": event.data.camera}


def _where(error: Exception) -> str:
    """The kind of a bug and its place; the error's text may hold anything."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno}"

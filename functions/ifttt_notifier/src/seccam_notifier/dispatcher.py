"""Brings each event to every channel that it is owed on: told, suppressed on record, to be tried again, or parked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent import futures
from datetime import UTC, datetime

from seccam import logs, topology
from seccam.message import (
    ATTEMPT_HEADER,
    CHANNELS_HEADER,
    FACE_PRESENT,
    SUPPRESSED_HEADER,
    WHY_HEADER,
    AnyEvent,
    CameraEvent,
    FaceEvent,
    PresenceEvent,
)
from seccam_notifier import PROGRAM
from seccam_notifier.channels import Answer
from seccam_notifier.handover import Handover
from seccam_notifier.journal import Journal
from seccam_notifier.lane import Call, Lane
from seccam_notifier.memory import MAX_AGE, JournalEntry, Outcome, Verdict, Why
from seccam_notifier.metrics import ALL_CHANNELS, NotifierMetrics
from seccam_notifier.mode import Modes, Silence
from seccam_notifier.notification import Writer
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.retry import DELAY_QUEUES, DELAYS, delay_name, retry_delay

log = logs.get(PROGRAM)

#: Seconds that the other channels and the next events wait for a call, which then goes on beside them.
PATIENCE = 2.0

#: An event that has to be told.
News = FaceEvent | CameraEvent


class Dispatcher:
    """Handles one event after another, in one thread, and calls all channels side by side."""

    def __init__(
        self,
        lanes: Iterable[Lane],
        modes: Modes,
        *,
        handover: Handover,
        journal: Journal,
        metrics: NotifierMetrics,
        writer: Writer,
    ) -> None:
        self._lanes, self._modes = {lane.name: lane for lane in lanes}, modes
        self._handover, self._journal, self._metrics, self._writer = handover, journal, metrics, writer

    def remember(self, entry: JournalEntry) -> None:
        """Remember what became of an event on the channels that the entry is about."""
        for lane in self._lanes.values():
            if entry.channel in (None, lane.name):
                lane.remember(entry)

    def dispatch(self, received: ReceivedMessage, event: News) -> dict[str, Outcome]:
        """What became of an event, by the names of the channels that it is owed on."""
        lanes, outcomes = self._owed(received), {}
        if absent := [name for name in received.channels if name not in self._lanes]:
            outcomes = dict.fromkeys(absent, self.park(received, event, "no_channel", channels=absent))
        if received.is_suppressed:  # decided before, and not on record
            return outcomes | self.suppress(received, event, received.why_suppressed)
        now = datetime.now(UTC)
        age = self._metrics.observe_age("received", event, now)
        log.info("event_received", attempt=received.attempt, age_ms=round(age * 1000), **names(event))
        # decided once: what was news before a command is told, however often that needs to be tried
        silence = None if received.is_retry or received.replayed else self._modes.silence(event, now)
        verdicts = {lane: lane.judge(event, received, now, silent=silence is not None) for lane in lanes}
        return outcomes | self._judged(received, event, verdicts, silence)

    def suppress(
        self, received: ReceivedMessage, event: News | PresenceEvent, why: Why | None = None, lanes: Sequence[Lane] | None = None
    ) -> dict[str, Outcome]:
        """Record that there is no notification on these channels (None: on all that it is owed on).

        An event that was confirmed is not given up before its record is.
        """
        lanes = self._owed(received) if lanes is None else lanes
        is_durable = event.type != FACE_PRESENT
        given_up = not is_durable or datetime.now(UTC) - event.time > MAX_AGE
        missing: list[str] = []
        for entry, of in self._suppressed(event, why, lanes):
            if not self._journal.write(entry, wait=is_durable) and not given_up:
                missing += of
        if missing:
            delay = min(DELAY_QUEUES)
            headers = {SUPPRESSED_HEADER: why or True, **self._owed_on(missing)}
            queue = self._handover.pass_on(received, event.id, headers, DELAYS, delay)
            self._metrics.requeued.labels(self._label(missing), delay_name(delay), "journal").inc()
            log.debug("event_requeued", queue=queue, cause="journal", **names(event))
        return {lane.name: "requeued" if lane.name in missing else "suppressed" for lane in lanes}

    def park(
        self, received: ReceivedMessage, event: AnyEvent | None, why: str, detail: str = "", *, channels: Sequence[str]
    ) -> Outcome:
        """Keep it for an operator: it could not be told on these channels."""
        headers = {WHY_HEADER: f"{why}: {detail}" if detail else why, **self._owed_on(channels)}
        event_id = event.id if event else received.message_id
        self._handover.pass_on(received, event_id, headers, [topology.PARKED_QUEUE, *reversed(DELAYS)])
        if event:
            for channel in channels:
                entry, lane = JournalEntry.of(event, "parked", channel), self._lanes.get(channel)
                self._journal.write(lane.remember(entry) if lane else entry, wait=False)
        self._metrics.parked.labels(self._label(channels), why).inc()
        log.error(
            "event_parked", why=why, detail=detail, channels=[*channels], **(names(event) if event else {"event_id": event_id})
        )
        return "parked"

    def _judged(
        self, received: ReceivedMessage, event: News, verdicts: Mapping[Lane, Verdict], silence: Silence | None
    ) -> dict[str, Outcome]:
        """Let each channel have its verdict; while the calls of some run, the others' share is done."""
        by_verdict: dict[Verdict, list[Lane]] = {}
        for lane, verdict in verdicts.items():
            by_verdict.setdefault(verdict, []).append(lane)
        begun = {lane: self._begin(lane, received, event) for lane in by_verdict.get("notify", ())}
        outcomes: dict[str, Outcome] = {}
        if again := by_verdict.get("duplicate"):
            log.info("event_suppressed", why="duplicate", channels=[lane.name for lane in again], **names(event))
            outcomes |= {lane.name: "duplicate" for lane in again}
        if known := by_verdict.get("suppress"):
            outcomes |= self._suppress_for("visit" if isinstance(event, FaceEvent) else "state", received, event, known)
        if silence and (silent := by_verdict.get("silence")):
            outcomes |= self._suppress_for(silence, received, event, silent)
        if old := [lane.name for lane in by_verdict.get("too_old", ())]:
            outcomes |= dict.fromkeys(old, self.park(received, event, "too_old", channels=old))
        self._await([call for call in begun.values() if isinstance(call, Call)])
        for lane, call in begun.items():
            outcomes[lane.name] = self._end(lane, call, received, event) if isinstance(call, Call) else call
        return outcomes

    def _suppress_for(self, why: Why, received: ReceivedMessage, event: News, lanes: Sequence[Lane]) -> dict[str, Outcome]:
        log.info("event_suppressed", why=why, channels=[lane.name for lane in lanes], **names(event))
        for lane in lanes:
            self._metrics.suppressed.labels(lane.name, why).inc()
        return self.suppress(received, event, why, lanes)

    def _begin(self, lane: Lane, received: ReceivedMessage, event: News) -> Call | Outcome:
        """Call the channel, if it may be called now."""
        entry = JournalEntry.of(event, "notified", lane.name)
        if why := lane.hindrance(entry):
            return self._requeue(lane, received, event, why, attempt=received.attempt)
        try:
            return lane.call(entry, lambda others: self._writer.write(event, others, datetime.now(UTC), received.body))
        except Exception as e:  # noqa: BLE001  # one channel's bug is not another's
            return self._park_bug(lane, received, event, e)

    def _await(self, calls: Sequence[Call]) -> None:
        """Wait until they have ended; with several channels, for no longer than PATIENCE."""
        patience = PATIENCE if len(self._lanes) > 1 else None
        for call in calls:
            ends = call.ends if patience is None else min(call.ends, call.began + patience)
            futures.wait([call.answer], max(0.0, ends - time.monotonic()))

    def _end(self, lane: Lane, call: Call, received: ReceivedMessage, event: News) -> Outcome:
        """What becomes of the event, now that its call has ended or can't be waited for."""
        if not call.answer.done():
            return self._leave(lane, call, received, event)
        try:
            answer = call.answer.result()
        except Exception as e:  # noqa: BLE001  # one channel's bug is not another's
            return self._park_bug(lane, received, event, e)
        self._count(lane, call, answer, event)
        if answer.accepted:
            self._record(lane, call, received, event)
            return "notified"
        if answer.retry_cause:
            cause, attempt = answer.retry_cause, received.attempt + 1
            return self._requeue(lane, received, event, cause, attempt=attempt, retry_after=answer.retry_after)
        remedy = f": {answer.remedy}, then: seccam parked replay" if answer.remedy else ""
        return self.park(received, event, "refused", (answer.detail or answer.result) + remedy, channels=[lane.name])

    def _leave(self, lane: Lane, call: Call, received: ReceivedMessage, event: News) -> Outcome:
        """The event goes to a delay queue while its call still runs. If it is accepted yet, the event comes back as a duplicate."""
        is_over = time.monotonic() >= call.ends
        if is_over:
            self._count(lane, call, Answer("timeout", detail="no answer in time"), event)
        else:
            lane.leave(call)
        cause = "timeout" if is_over else "slow"
        outcome = self._requeue(lane, received, event, cause, attempt=received.attempt + 1)
        call.answer.add_done_callback(lambda _: self._end_late(lane, call, received, event))
        return outcome

    def _end_late(self, lane: Lane, call: Call, received: ReceivedMessage, event: News) -> None:
        """In the call's own thread: it has ended while its event waits in a delay queue."""
        try:
            answer = call.answer.result()
        except Exception as e:  # noqa: BLE001  # the event comes again, and is parked if that happens again
            log.error("handler_failed", error=logs.place(e), channel=lane.name, **names(event))  # noqa: TRY400  # a trace may hold a secret
            return
        if time.monotonic() < call.ends:
            self._count(lane, call, answer, event)
        if answer.accepted:
            self._record(lane, call, received, event)

    def _record(self, lane: Lane, call: Call, received: ReceivedMessage, event: News) -> None:
        """The channel has taken a notification of this event and of others, which come back as duplicates."""
        age = self._metrics.observe_age("notified", event, datetime.now(UTC), lane.name)
        self._journal.write(lane.remember(call.entry), wait=True)
        for other in call.others:
            self._journal.write(lane.remember(other), wait=False)
        together = {"together_with": len(call.others)} if call.others else {}
        attempts = received.attempt + 1
        log.info("event_notified", channel=lane.name, age_ms=round(age * 1000), attempts=attempts, **together, **names(event))

    def _count(self, lane: Lane, call: Call, answer: Answer, event: News) -> None:
        seconds = lane.count(call, answer)
        write = log.info if answer.accepted else log.warning
        detail = {"detail": answer.detail} if answer.detail else {}
        write("channel_answered", channel=lane.name, result=answer.result, ms=round(seconds * 1000), **detail, **names(event))

    def _requeue(
        self,
        lane: Lane,
        received: ReceivedMessage,
        event: News,
        cause: str,
        *,
        attempt: int,
        retry_after: float | None = None,
    ) -> Outcome:
        """Send it to a delay queue, for this channel; `attempt` counts the calls that were made for it."""
        delay = retry_delay(received.attempt, retry_after, outage=lane.outage)
        headers = {ATTEMPT_HEADER: attempt, **self._owed_on([lane.name])}
        queues = [DELAY_QUEUES[delay], *DELAYS, topology.PARKED_QUEUE]
        queue = self._handover.pass_on(received, event.id, headers, queues, delay)
        entry = JournalEntry.of(event, "requeued", lane.name)
        if not lane.is_pending(entry):
            self._journal.write(lane.remember(entry), wait=False)
        self._metrics.requeued.labels(lane.name, delay_name(delay), cause).inc()
        log.warning("event_requeued", channel=lane.name, queue=queue, delay=delay_name(delay), cause=cause, **names(event))
        return "requeued"

    def _park_bug(self, lane: Lane, received: ReceivedMessage, event: News, error: Exception) -> Outcome:
        log.error("handler_failed", error=logs.place(error), channel=lane.name, **names(event))
        return self.park(received, event, "bug", channels=[lane.name])

    def _owed(self, received: ReceivedMessage) -> list[Lane]:
        """The channels that it is owed on: all, unless it says for which it was sent again."""
        wanted = received.channels or [*self._lanes]
        return [self._lanes[name] for name in wanted if name in self._lanes]

    def _suppressed(
        self, event: News | PresenceEvent, why: Why | None, lanes: Sequence[Lane]
    ) -> list[tuple[JournalEntry, list[str]]]:
        """The entries to write, and whose they are: a single one where all channels have been told the same of the visit."""
        entries = {lane.name: lane.remember(JournalEntry.of(event, "suppressed", why=why)) for lane in lanes}
        if len(entries) == len(self._lanes) and len({entry.encode() for entry in entries.values()}) == 1:
            return [(next(iter(entries.values())), [*entries])]
        return [(entry.model_copy(update={"channel": name}), [name]) for name, entry in entries.items()]

    def _owed_on(self, channels: Sequence[str]) -> dict[str, str]:
        """The header that says so, unless the event is owed on every channel."""
        return {} if set(channels) in (set(), {*self._lanes}) else {CHANNELS_HEADER: ",".join(channels)}

    def _label(self, channels: Sequence[str]) -> str:
        """The metrics' label of one channel, or of several."""
        return channels[0] if len(channels) == 1 and channels[0] in self._lanes else ALL_CHANNELS


def names(event: AnyEvent) -> dict[str, str]:
    """What every log line on an event carries."""
    return {"event_id": event.id, "trace_id": event.trace_id, "camera": event.camera}

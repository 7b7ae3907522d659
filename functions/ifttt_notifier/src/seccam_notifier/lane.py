"""A channel, and what it is owed: the same event may be told on one channel while it still waits for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from seccam.message import CameraEvent, FaceEvent
from seccam_notifier.channels import Answer, Channel
from seccam_notifier.memory import JournalEntry, Memory, Verdict
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.notification import Notification
from seccam_notifier.rate_limit import RateLimit
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.retry import Breaker

#: Starts a call and returns what will be its answer.
Start = Callable[[str, Callable[[], Answer]], "Future[Answer]"]


@dataclass(frozen=True)
class Call:
    """A notification that is being sent."""

    entry: JournalEntry
    #: Other events that this notification tells, too.
    others: Sequence[JournalEntry]
    answer: Future[Answer]
    #: Monotonic seconds.
    began: float
    #: Monotonic seconds after which it counts as unanswered.
    ends: float


class Lane:
    """One channel with its own memory, limit and circuit breaker. It makes one call at a time.

    Events are handled in one thread. The journal is read in another, and a call that takes too long ends in its own.
    """

    def __init__(
        self, channel: Channel, memory: Memory, metrics: NotifierMetrics, *, reminder: float, max_per_minute: int, start: Start
    ) -> None:
        self.name = channel.name
        self._channel, self._memory, self._metrics = channel, memory, metrics
        self._reminder, self._start = reminder, start
        self._breaker, self._limit = Breaker(), RateLimit(max_per_minute)
        self._changing = threading.RLock()
        #: A call that goes on beside the events.
        self._late: Call | None = None

    @property
    def outage(self) -> bool:
        """Whether several calls in a row have failed, so that no single event is the reason."""
        return self._breaker.outage

    def judge(self, event: FaceEvent | CameraEvent, received: ReceivedMessage, now: datetime, *, silent: bool) -> Verdict:
        """What is to become of an event on this channel, which is `silent` if the mode or a snooze says so."""
        with self._changing:
            return self._memory.judge(
                event, now, reminder=self._reminder, attempt=received.attempt, replayed=received.replayed, silent=silent
            )

    def remember(self, entry: JournalEntry) -> JournalEntry:
        """Remember what became of an event; returns the entry with what its visit's notifications have reported here."""
        with self._changing:
            if entry.outcome != "requeued":
                self._limit.release(entry.id)
            return self._memory.record(entry)

    def is_pending(self, entry: JournalEntry) -> bool:
        """Whether a notification of this event is being retried."""
        with self._changing:
            return self._memory.is_pending(entry)

    def hindrance(self, entry: JournalEntry) -> str | None:
        """Why no call may be made for this event now; None if one may."""
        now = time.monotonic()
        with self._changing:
            if self._is_busy(now):
                return "busy"
            if not self._breaker.allows(now):
                return "circuit_open"
            if not self._limit.allows(now):
                self._limit.hold(entry)
                return "limit"
            return None

    def call(self, entry: JournalEntry, notification: Callable[[Sequence[JournalEntry]], Notification]) -> Call:
        """Send the notification of this event and of the others that wait for room."""
        with self._changing:
            others = self._limit.waiting_beside(entry)
        said, began = notification(others), time.monotonic()
        answer = self._start(self.name, lambda: self._channel.send(said))
        return Call(entry, others, answer, began, began + self._channel.seconds)

    def leave(self, call: Call) -> None:
        """The call goes on beside the next events, none of which is sent before it has ended."""
        with self._changing:
            self._late = call

    def count(self, call: Call, answer: Answer) -> float:
        """Count the answer to a call; returns the seconds that it took."""
        now = time.monotonic()
        with self._changing:
            if answer.retry_cause:
                self._breaker.failed(now)
            else:
                self._breaker.answered()
            if answer.accepted:
                self._limit.sent(now)
                self._metrics.last_success.labels(self.name).set_to_current_time()
            self._metrics.circuit_open.labels(self.name).set(self._breaker.open)
        self._metrics.attempts.labels(self.name, answer.result).inc()
        self._metrics.attempt_seconds.labels(self.name).observe(now - call.began)
        return now - call.began

    def _is_busy(self, now: float) -> bool:
        late = self._late
        if late is None:
            return False
        has_ended = late.answer.done()
        if not has_ended and now < late.ends:
            return True
        if not has_ended:
            self.count(late, Answer("timeout"))
        self._late = None
        return False


def in_a_thread(name: str, call: Callable[[], Answer]) -> Future[Answer]:
    """Start a call in a thread of its own."""
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except Exception as e:  # noqa: BLE001  # raised again where the answer is read
            answer.set_exception(e)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer

"""Publishing: transient messages, of which only the latest counts, and durable ones, confirmed by the broker."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from seccam import logs, topology
from seccam.broker.connection import PIKA_ERRORS, TURN, ReconnectingConnection, why_closed
from seccam.metrics import EVENT_TYPES, BrokerMetrics, EventMetrics
from seccam.settings import BrokerSettings

log = logs.get(__name__)

#: Seconds: a transient message that could not be sent for longer is dropped. Receivers would do the same.
TRANSIENT_SECONDS = topology.FRAME_TTL_MS / 1000
#: Seconds before a durable message that was refused or returned is tried again: doubled from the first to the last.
TRY_AGAIN = (1.0, 10.0)


@dataclass(frozen=True)
class Message:
    """What is published."""

    key: str
    body: bytes
    content_type: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    message_id: str | None = None
    #: CloudEvents type of an event, for its metric.
    kind: str | None = None


@dataclass(frozen=True)
class _Waiting:
    message: Message
    #: When it was handed over, by both clocks, seconds.
    wall: float
    monotonic: float

    def age(self) -> float:
        return time.monotonic() - self.monotonic


#: Told of each transient message that was not sent: the message and why (replaced, disconnected, blocked).
OnDropped = Callable[[Message, str], None]
#: Told of each transient message that was given to the socket.
OnSent = Callable[[Message], None]


class Publisher(ReconnectingConnection):
    """Publishes to the exchange: transient messages, of which the newest of each slot wins, and durable ones, confirmed."""

    def __init__(
        self,
        settings: BrokerSettings,
        name: str,
        metrics: BrokerMetrics,
        *,
        events: EventMetrics | None = None,
        on_sent: OnSent = lambda message: None,
        on_dropped: OnDropped = lambda message, reason: None,
        outbox_limit: int = 100,
    ) -> None:
        super().__init__(settings, name, "publish", metrics)
        self._events = events
        self._on_sent, self._on_dropped = on_sent, on_dropped
        self._slots: OrderedDict[str, _Waiting] = OrderedDict()
        self._outbox: deque[_Waiting] = deque()
        self._outbox_limit = outbox_limit
        self._work = threading.Condition()
        self._is_blocked = False
        #: What last kept transient messages from being sent.
        self._hindrance = "disconnected"
        #: Seconds from one attempt to the next, and when that is, by the monotonic clock.
        self._refused_wait, self._refused_until = TRY_AGAIN[0], 0.0

    @property
    def blocked(self) -> bool:
        """Whether the broker has told us to wait (memory or disk alarm)."""
        return self._is_blocked

    def oldest_unconfirmed(self) -> float:
        """Seconds that the oldest event has been waiting for its confirm; 0 if none does."""
        with self._work:
            return self._outbox[0].age() if self._outbox else 0.0

    def publish_latest(self, slot: str, message: Message) -> None:
        """Publish this if it can be done now; a message still waiting in the same slot is dropped for it."""
        with self._work:
            old = self._slots.get(slot)
            self._slots[slot] = _waiting(message)  # it keeps the old one's place in the row
            self._work.notify_all()
        if old is not None:
            self._on_dropped(old.message, "replaced" if self.connected and not self._is_blocked else self._hindrance)

    def publish_durable(self, message: Message) -> bool:
        """Publish this durable message until the broker confirms it; False (and counted as lost) if too many wait."""
        with self._work:
            room = len(self._outbox) < self._outbox_limit
            if room:
                self._outbox.append(_waiting(message))
                self._count_outbox()
                self._work.notify_all()
        if not room and self._events:
            self._events.lost.labels("buffer_full").inc()
            log.error("event_lost", event_id=message.message_id, why="buffer_full", waiting=self._outbox_limit)
        return room

    def stop(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for what is to be sent and for the confirms owed, then ends.

        Durable messages that are left are counted as lost.
        """
        if self._halt.is_set():
            return
        deadline = time.monotonic() + timeout
        with self._work:
            self._work.wait_for(lambda: self._idle() or not self.is_alive(), max(0.0, timeout - 1.0))
        super().stop(max(0.1, deadline - time.monotonic()))
        with self._work:
            left = [waiting.message for waiting in self._outbox]
        if self._events and left:
            self._events.lost.labels("shutdown").inc(len(left))
        for message in left:
            log.error("event_lost", event_id=message.message_id, why="shutdown")

    def _idle(self) -> bool:
        """Nothing waits that could be sent now; a durable message always might."""
        return not self._outbox and not (self._slots and self.connected and not self._is_blocked)

    def _session(self, connection: BlockingConnection) -> None:
        transient = connection.channel()
        confirmed = connection.channel()
        confirmed.confirm_delivery()
        self._established()
        while not self._halt.is_set():
            self.heartbeat.beat()
            self._await_work()
            if not self._is_blocked:
                self._send_latest(transient)
            if not self._is_blocked and self._outbox and time.monotonic() >= self._refused_until:
                self._send_durable(confirmed)
            connection.process_data_events(0)
            for channel in (transient, confirmed):
                if not channel.is_open:
                    raise why_closed(channel)

    def _await_work(self) -> None:
        """Until there is something that can be sent, or for a turn."""
        with self._work:
            refused = self._refused_until - time.monotonic()
            if self._is_blocked or (not self._slots and (not self._outbox or refused > 0)):
                self._work.wait(min(TURN, refused) if self._outbox and refused > 0 else TURN)

    def _send_latest(self, channel: BlockingChannel) -> None:
        """Publish the message of the slot that has waited longest, unless it has waited too long."""
        with self._work:
            if not self._slots:
                return
            _, waiting = self._slots.popitem(last=False)
        if waiting.age() > TRANSIENT_SECONDS:
            self._on_dropped(waiting.message, self._hindrance)
            return
        try:
            _publish(channel, waiting.message, durable=False)
        except PIKA_ERRORS:
            self._on_dropped(waiting.message, "disconnected")
            raise
        if not self._is_blocked:  # else the answer to this very message was the alarm
            self._hindrance = "replaced"
        self._on_sent(waiting.message)
        with self._work:
            self._work.notify_all()

    def _send_durable(self, channel: BlockingChannel) -> None:
        """Publish the oldest durable message; it is forgotten here when it is confirmed, and tried again later if not."""
        message = self._outbox[0].message
        began = time.monotonic()
        try:
            _publish(channel, message, durable=True)
            outcome = "confirmed"
        except pika.exceptions.UnroutableError:
            outcome = "returned"
        except pika.exceptions.NackError:
            outcome = "refused"
        except PIKA_ERRORS:
            self._tell_event(message, "error", began)
            raise
        self._tell_event(message, outcome, began)
        if outcome != "confirmed":  # the queue is full or missing: it won't be better at once
            self._refused_until = time.monotonic() + self._refused_wait
            self._refused_wait = min(self._refused_wait * 2, TRY_AGAIN[1])
            return
        self._refused_wait = TRY_AGAIN[0]
        with self._work:
            self._outbox.popleft()
            self._count_outbox()
            self._work.notify_all()

    def _tell_event(self, message: Message, outcome: str, began: float) -> None:
        seconds = time.monotonic() - began
        if self._events:
            self._events.published.labels(EVENT_TYPES.get(message.kind or "", "face"), outcome).inc()
            if outcome == "confirmed":
                self._events.confirm_seconds.observe(seconds)
        told = {"event_id": message.message_id, **{k: v for k, v in message.headers.items() if k in ("trace_id", "camera")}}
        if outcome == "confirmed":
            log.info("event_confirmed", confirm_ms=round(seconds * 1000, 1), **told)
        else:
            log.warning("event_refused", cause=outcome, **told)

    def _count_outbox(self) -> None:
        if self._events:
            self._events.unconfirmed.set(len(self._outbox))
            self._events.oldest.set(self._outbox[0].wall if self._outbox else 0)

    def _established(self) -> None:
        self._refused_wait, self._refused_until = TRY_AGAIN[0], 0.0
        super()._established()

    def _lost(self, why: str) -> None:
        self._hindrance = "disconnected"
        self._is_blocked = False
        self._metrics.blocked.set(0)
        super()._lost(why)
        self._wake()

    def _blocked(self, blocked: bool) -> None:
        self._is_blocked = blocked
        self._metrics.blocked.set(blocked)
        if blocked:
            self._hindrance = "blocked"
            log.warning("broker_blocked")
        else:
            log.info("broker_unblocked")

    def _wake(self) -> None:
        with self._work:
            self._work.notify_all()


def _waiting(message: Message) -> _Waiting:
    return _Waiting(message, time.time(), time.monotonic())


def _publish(channel: BlockingChannel, message: Message, *, durable: bool) -> None:
    channel.basic_publish(
        topology.EXCHANGE,
        message.key,
        message.body,
        pika.BasicProperties(
            content_type=message.content_type,
            headers=dict(message.headers) or None,
            delivery_mode=2 if durable else 1,
            message_id=message.message_id,
            timestamp=int(time.time()),
        ),
        mandatory=durable,
    )

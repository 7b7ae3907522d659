"""Publishing: transient messages, of which only the latest matters, and durable ones, which the broker confirms."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pika
import pika.data
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from seccam import logs, topology
from seccam.backoff import Backoff
from seccam.broker.connection import PIKA_ERRORS, TURN, ReconnectingConnection, why_closed
from seccam.metrics import EVENT_TYPES, BrokerMetrics, EventMetrics
from seccam.settings import BrokerSettings

log = logs.get(__name__)

#: Seconds after which a transient message that could not be sent is dropped. Receivers would drop it, too.
TRANSIENT_SECONDS = topology.FRAME_TTL_MS / 1000
#: Seconds before a durable message that was refused or returned is tried again: the first and the longest.
TRY_AGAIN = (1.0, 10.0)
#: Bytes of headers that are passed on with a message. With ours they must fit in one frame (128 KiB), or the broker
#: closes the connection.
MAX_HEADERS = 64 * 1024
#: Headers of dead-lettered messages. A broker before 4.0 drops a message whose headers name the queue that it returns to.
DEATH_HEADERS = ("x-death", "x-first-death", "x-last-death", "x-delivery-count")


@dataclass(frozen=True)
class Message:
    """A message to publish: to the topic exchange with `key`, or directly to `queue`."""

    key: str
    body: bytes
    content_type: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    message_id: str | None = None
    #: CloudEvents type of an event, for its metric.
    kind: str | None = None
    #: Name of a queue to publish to directly; `key` is ignored then.
    queue: str = ""

    @property
    def destination(self) -> tuple[str, str]:
        """Exchange and routing key."""
        return ("", self.queue) if self.queue else (topology.EXCHANGE, self.key)


@dataclass(eq=False)
class _Waiting:
    message: Message
    #: When it was handed over, by both clocks, seconds.
    wall: float = field(default_factory=time.time)
    monotonic: float = field(default_factory=time.monotonic)

    def age(self) -> float:
        return time.monotonic() - self.monotonic


@dataclass(eq=False)
class _Unconfirmed(_Waiting):
    confirmed: threading.Event = field(default_factory=threading.Event)
    #: When to try again, by the monotonic clock.
    due: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(*TRY_AGAIN))


#: Called with each transient message that was not sent, and why (replaced, disconnected, blocked).
OnDropped = Callable[[Message, str], None]
#: Called with each transient message that was written to the socket.
OnSent = Callable[[Message], None]


class Publisher(ReconnectingConnection):
    """Publishes the newest transient message of each slot, and durable messages until they are confirmed.

    Durable messages are published in order. One that the broker refuses (the queue is full) or returns (there is no queue)
    is retried later and does not hold up the others.
    """

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
        direction: str = "publish",
    ) -> None:
        """`direction` labels the connection's metrics; two publishers in one process need different ones."""
        super().__init__(settings, name, direction, metrics)
        self._events = events
        self._on_sent, self._on_dropped = on_sent, on_dropped
        self._slots: OrderedDict[str, _Waiting] = OrderedDict()
        self._outbox: deque[_Unconfirmed] = deque()
        self._outbox_limit = outbox_limit
        self._work = threading.Condition()
        self._is_blocked = False
        #: Why transient messages were last not sent.
        self._hindrance = "disconnected"
        self._refusals = logs.Throttle()

    @property
    def blocked(self) -> bool:
        """Whether the broker blocks publishers (memory or disk alarm)."""
        return self._is_blocked

    def unconfirmed(self) -> int:
        """Number of durable messages that wait for a confirm."""
        with self._work:
            return len(self._outbox)

    def oldest_unconfirmed(self) -> float:
        """Seconds that the oldest durable message has waited for a confirm; 0 if none waits."""
        with self._work:
            return self._outbox[0].age() if self._outbox else 0.0

    def publish_latest(self, slot: str, message: Message) -> None:
        """Publish this as soon as possible; it replaces a message that still waits in the same slot."""
        with self._work:
            old = self._slots.get(slot)
            self._slots[slot] = _Waiting(message)  # keeps the old one's place in the order
            self._work.notify_all()
        if old is not None:
            self._on_dropped(old.message, "replaced" if self.connected and not self._is_blocked else self._hindrance)

    def publish_durable(self, message: Message) -> threading.Event | None:
        """Publish this message until the broker confirms it, which sets the event returned.

        None if too many messages wait; with `events` it is counted and logged as lost.
        """
        waiting = _Unconfirmed(message)
        with self._work:
            room = len(self._outbox) < self._outbox_limit
            if room:
                self._outbox.append(waiting)
                self._count_outbox()
                self._work.notify_all()
        if not room and self._events:
            self._events.lost.labels("buffer_full").inc()
            log.error("event_lost", event_id=message.message_id, why="buffer_full", waiting=self._outbox_limit)
        return waiting.confirmed if room else None

    def stop(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for messages to be sent and confirmed, then end the thread.

        With `events`, the durable messages that remain are counted and logged as lost.
        """
        if self._halt.is_set():
            return
        deadline = time.monotonic() + timeout
        with self._work:
            self._work.wait_for(lambda: self._idle() or not self.is_alive(), max(0.0, timeout - 1.0))
        super().stop(max(0.1, deadline - time.monotonic()))
        if self._events:
            with self._work:
                left = [waiting.message for waiting in self._outbox]
            self._events.lost.labels("shutdown").inc(len(left))
            for message in left:
                log.error("event_lost", event_id=message.message_id, why="shutdown")

    def _idle(self) -> bool:
        """Whether nothing waits that could still be sent."""
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
            if not self._is_blocked and (unconfirmed := self._next_durable()):
                self._send_durable(confirmed, unconfirmed)
            connection.process_data_events(0)
            for channel in (transient, confirmed):
                if not channel.is_open:
                    raise why_closed(channel)

    def _await_work(self) -> None:
        """Wait until there is something to send, but no longer than a turn."""
        with self._work:
            if self._is_blocked:
                self._work.wait(TURN)
            elif not self._slots and not self._due():
                next_due = min((waiting.due for waiting in self._outbox), default=math.inf)
                self._work.wait(min(TURN, max(0.0, next_due - time.monotonic())))

    def _due(self) -> _Unconfirmed | None:
        """The oldest durable message that may be tried now. Called with the lock held."""
        now = time.monotonic()
        return next((waiting for waiting in self._outbox if waiting.due <= now), None)

    def _next_durable(self) -> _Unconfirmed | None:
        with self._work:
            return self._due()

    def _send_latest(self, channel: BlockingChannel) -> None:
        """Publish the message that has waited longest, unless it is too old by now."""
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
        if not self._is_blocked:  # an alarm may be the answer to this very message
            self._hindrance = "replaced"
        self._on_sent(waiting.message)
        with self._work:
            self._work.notify_all()

    def _send_durable(self, channel: BlockingChannel, waiting: _Unconfirmed) -> None:
        """Publish a durable message; it leaves the outbox once it is confirmed, and is retried otherwise."""
        message = waiting.message
        began = time.monotonic()
        try:
            _publish(channel, message, durable=True)
            outcome = "confirmed"
        except pika.exceptions.UnroutableError:
            outcome = "returned"
        except pika.exceptions.NackError:
            outcome = "refused"
        except PIKA_ERRORS:
            self._count_attempt(message, "error")
            raise
        self._count_attempt(message, outcome)
        if outcome != "confirmed":  # the queue is full or missing: retry later
            waiting.due = time.monotonic() + waiting.backoff.next_delay()
            self._log_refusal(message, outcome)
            return
        with self._work:
            self._outbox.remove(waiting)
            self._count_outbox()
            self._work.notify_all()
        waiting.confirmed.set()
        self._refusals.clear(message.destination[1])
        if self._events:
            seconds = time.monotonic() - began
            self._events.confirm_seconds.observe(seconds)
            log.info("event_confirmed", confirm_ms=round(seconds * 1000, 1), **_names(message))

    def _count_attempt(self, message: Message, outcome: str) -> None:
        if self._events:
            self._events.published.labels(EVENT_TYPES.get(message.kind or "", "face"), outcome).inc()

    def _log_refusal(self, message: Message, outcome: str) -> None:
        _, key = message.destination
        if self._refusals.allows(key):
            log.warning("message_refused", cause=outcome, to=key, unconfirmed=self.unconfirmed(), **_names(message))

    def _count_outbox(self) -> None:
        if self._events:
            self._events.unconfirmed.set(len(self._outbox))
            self._events.oldest.set(self._outbox[0].wall if self._outbox else 0)

    def _established(self) -> None:
        with self._work:
            for waiting in self._outbox:
                waiting.due = 0.0
                waiting.backoff.reset()
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


def _names(message: Message) -> dict[str, Any]:
    """Fields of a log line about a message."""
    return {"event_id": message.message_id, **{k: v for k, v in message.headers.items() if k in ("trace_id", "camera")}}


def _publish(channel: BlockingChannel, message: Message, *, durable: bool) -> None:
    exchange, key = message.destination
    properties = _properties(message, durable=durable)
    channel.basic_publish(exchange, key, message.body, properties, mandatory=durable)


def _properties(message: Message, *, durable: bool) -> pika.BasicProperties:
    """The message's properties. A durable message is sent without its id and headers if AMQP can't hold them."""
    always = {"content_type": message.content_type, "delivery_mode": 2 if durable else 1, "timestamp": int(time.time())}
    properties = pika.BasicProperties(**always, headers=dict(message.headers) or None, message_id=message.message_id)
    if durable:
        try:
            properties.encode()
        except Exception as e:  # noqa: BLE001  # pika raises many types, and none may stop the other messages
            log.error("message_properties_dropped", to=message.destination[1], error=type(e).__name__)  # noqa: TRY400  # its text may hold anything
            return pika.BasicProperties(**always)
    return properties


def sendable_headers(headers: Mapping[Any, Any]) -> dict[str, str | int | bool]:
    """The headers of a received message that can be passed on: those that pika can encode, up to MAX_HEADERS bytes.

    Headers of dead letters are left out.
    """
    kept: dict[str, str | int | bool] = {}
    room = MAX_HEADERS
    for name, given in headers.items():
        key, value = _decoded(name), _decoded(given)
        if isinstance(key, str) and isinstance(value, str | int) and not key.startswith(DEATH_HEADERS):
            with contextlib.suppress(Exception):  # a name too long, a number too large, a lone surrogate, …
                size = pika.data.encode_table([], {key: value})
                if size <= room:
                    kept[key], room = value, room - size
    return kept


def _decoded(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

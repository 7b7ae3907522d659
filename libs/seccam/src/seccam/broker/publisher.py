"""Publishing: transient messages, of which only the latest matters, and durable ones, which the broker confirms."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pika
import pika.data
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from seccam import logs, topology
from seccam.backoff import Backoff
from seccam.broker.confirms import Answer, ConfirmChannel
from seccam.broker.connection import PIKA_ERRORS, TURN, ReconnectingConnection, why_closed
from seccam.broker.outgoing import Message, properties_of
from seccam.broker.spool import Spool
from seccam.errors import BrokerError
from seccam.message import COPY_HEADER
from seccam.metrics import EVENT_TYPES, BrokerMetrics, EventMetrics
from seccam.settings import BrokerSettings

log = logs.get(__name__)

#: Seconds after which a transient message that could not be sent is dropped. Receivers would drop it, too.
TRANSIENT_SECONDS = topology.FRAME_TTL_MS / 1000
#: Seconds before a durable message that was refused or returned is tried again: the first and the longest.
TRY_AGAIN = (1.0, 10.0)
#: Seconds that the broker has to answer a durable message before the connection is given up.
CONFIRM_SECONDS = 30.0


class Receipt:
    """What the broker has said to a durable message so far."""

    def __init__(self) -> None:
        #: Set once the message is confirmed.
        self.confirmed = threading.Event()
        #: Set once it is confirmed, refused or returned; what is not confirmed is tried again.
        self.answered = threading.Event()


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
    #: Its copy on disk, if there is one.
    file: Path | None = None
    receipt: Receipt = field(default_factory=Receipt)
    #: When to try again, by the monotonic clock; infinite while it is on its way.
    due: float = 0.0
    #: When it was last sent, by the monotonic clock.
    sent: float = 0.0
    #: Whether the broker left it without an answer.
    unanswered: bool = False
    #: Whether it waits until earlier messages to the same destination are answered.
    queued: bool = False
    backoff: Backoff = field(default_factory=lambda: Backoff(*TRY_AGAIN))


#: Called with each transient message that was not sent, and why (replaced, disconnected, blocked).
OnDropped = Callable[[Message, str], None]
#: Called with each transient message that was written to the socket.
OnSent = Callable[[Message], None]


class Publisher(ReconnectingConnection):
    """Publishes the newest transient message of each slot, and durable messages until they are confirmed.

    Durable messages are published in order. One that the broker refuses (the queue is full), returns (there is no queue) or
    doesn't answer is retried later, and does not hold up the others.
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
        spool: Spool | None = None,
    ) -> None:
        """`direction` labels the connection's metrics; two publishers in one process need different ones.

        Messages that an earlier process has left in the `spool` are published first.
        """
        super().__init__(settings, name, direction, metrics)
        self._events = events
        self._on_sent, self._on_dropped = on_sent, on_dropped
        self._slots: OrderedDict[str, _Waiting] = OrderedDict()
        self._spool = spool
        self._outbox = deque(_Unconfirmed(message, file=file) for file, message in (spool.messages() if spool else ()))
        self._outbox_limit = outbox_limit
        self._work = threading.Condition()
        self._is_blocked = False
        #: Why transient messages were last not sent.
        self._hindrance = "disconnected"
        self._refusals = logs.Throttle()
        # used only in the connection's thread
        self._connection: BlockingConnection | None = None
        #: By exchange, or by queue: in RabbitMQ a channel stops while a quorum queue that it publishes to doesn't answer.
        self._confirms: dict[str, ConfirmChannel] = {}
        #: Whether the thread waits for answers of the broker.
        self._is_listening = False
        self._to_copy: deque[Message] = deque()

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
            self._notify()
        if old is not None:
            self._on_dropped(old.message, "replaced" if self.connected and not self._is_blocked else self._hindrance)

    def publish_durable(self, message: Message) -> Receipt | None:
        """Publish this message until the broker confirms it.

        None if too many messages wait; with `events` it is counted and logged as lost.
        """
        waiting = _Unconfirmed(message)
        with self._work:
            room = len(self._outbox) < self._outbox_limit
            if room:
                waiting.file = self._spool.put(message) if self._spool else None
                self._outbox.append(waiting)
                self._count_outbox()
                self._notify()
        if not room and self._events:
            self._events.lost.labels("buffer_full").inc()
            log.error("event_lost", event_id=message.message_id, why="buffer_full", waiting=self._outbox_limit)
        return waiting.receipt if room else None

    def withdraw(self, receipt: Receipt | None) -> None:
        """Don't try this durable message again; an attempt that is under way may still succeed."""
        with self._work:
            withdrawn = next((waiting for waiting in self._outbox if waiting.receipt is receipt), None)
            if withdrawn:
                self._remove(withdrawn)

    def stop(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for messages to be sent and confirmed, then end the thread.

        With `events`, the durable messages that remain are counted and logged as lost, if they are not in the spool.
        """
        if self._halt.is_set():
            return
        deadline = time.monotonic() + timeout
        with self._work:
            self._work.wait_for(lambda: self._idle() or not self.is_alive(), max(0.0, timeout - 1.0))
        super().stop(max(0.1, deadline - time.monotonic()))
        if self._spool:
            self._spool.close()
        if self._events:
            with self._work:
                left = [waiting.message for waiting in self._outbox if not waiting.file]
            self._events.lost.labels("shutdown").inc(len(left))
            for message in left:
                log.error("event_lost", event_id=message.message_id, why="shutdown")

    def _idle(self) -> bool:
        """Whether nothing waits that could still be sent."""
        return not self._outbox and not self._to_copy and not (self._slots and self.connected and not self._is_blocked)

    def _session(self, connection: BlockingConnection) -> None:
        transient = connection.channel()
        self._connection = connection
        self._established()
        while not self._halt.is_set():
            self.heartbeat.beat()
            pause = self._await_work()
            if not self._is_blocked:
                self._send_latest(transient)
                self._send_copies(transient)
                self._send_durable(connection)
            self._listen(connection, pause)
            if not transient.is_open:
                raise why_closed(transient)
            for place, confirms in list(self._confirms.items()):
                if confirms.channel.is_open:
                    self._check_answers(confirms)
                else:
                    self._give_up(self._confirms.pop(place))

    def _await_work(self) -> float:
        """Wait until there is something to send; returns the seconds to listen for answers instead."""
        with self._work:
            if self._is_blocked:
                self._work.wait(TURN)
            elif not self._slots and not self._to_copy:
                next_due = min((waiting.due for waiting in self._outbox if not waiting.queued), default=math.inf)
                pause = min(TURN, max(0.0, next_due - time.monotonic()))
                if any(confirms.outstanding for confirms in self._confirms.values()):
                    self._is_listening = True
                    return pause
                self._work.wait(pause)
            return 0.0

    def _listen(self, connection: BlockingConnection, seconds: float) -> None:
        connection.process_data_events(seconds)
        with self._work:
            self._is_listening = False

    def _notify(self) -> None:
        """Interrupt a wait for work or answers. Called with the lock held."""
        self._work.notify_all()
        if self._is_listening and self._connection:
            self._is_listening = False
            with contextlib.suppress(pika.exceptions.ConnectionWrongStateError):  # lost meanwhile: it no longer waits
                self._connection.add_callback_threadsafe(lambda: None)

    def _send_latest(self, channel: BlockingChannel) -> None:
        """Publish the message that has waited longest, unless it is too old by now."""
        with self._work:
            if not self._slots:
                return
            _, waiting = self._slots.popitem(last=False)
        if waiting.age() > TRANSIENT_SECONDS:
            self._on_dropped(waiting.message, self._hindrance)
            return
        message = waiting.message
        try:
            channel.basic_publish(*message.destination, message.body, properties_of(message, durable=False))
        except PIKA_ERRORS:
            self._on_dropped(message, "disconnected")
            raise
        if not self._is_blocked:  # an alarm may be the answer to this very message
            self._hindrance = "replaced"
        self._on_sent(message)
        with self._work:
            self._work.notify_all()

    def _send_copies(self, channel: BlockingChannel) -> None:
        while self._to_copy:
            copy = self._to_copy.popleft()
            channel.basic_publish(topology.COPIES_EXCHANGE, copy.key, copy.body, properties_of(copy, durable=True))

    def _send_durable(self, connection: BlockingConnection) -> None:
        """Publish the durable messages that are due, as far as their destinations have answered the earlier ones."""
        now = time.monotonic()
        with self._work:
            due = [waiting for waiting in self._outbox if waiting.due <= now]
        for waiting in due:
            message = waiting.message
            confirms = self._confirms_of(connection, message)
            waiting.queued = not confirms.has_room(message.destination)
            if waiting.queued:
                continue
            waiting.due, waiting.sent = math.inf, time.monotonic()
            confirms.publish(waiting, message.destination, message.body, properties_of(message, durable=True))
            if self._is_blocked:
                return

    def _confirms_of(self, connection: BlockingConnection, message: Message) -> ConfirmChannel:
        """The channel for the message's exchange, or for its queue."""
        place = message.exchange or message.key
        if place not in self._confirms:
            self._confirms[place] = ConfirmChannel(connection, self._answered)
        return self._confirms[place]

    def _answered(self, waiting: _Unconfirmed, answer: Answer) -> None:
        """The broker's answer to a durable message; it leaves the outbox if it is confirmed, and is retried otherwise."""
        message = waiting.message
        self._count_attempt(message, answer)
        if answer != "confirmed":
            self._retry(waiting, answer)
            return
        with self._work:
            self._remove(waiting)
            if message.copied:
                self._to_copy.append(replace(message, headers={**message.headers, COPY_HEADER: True}))
            self._notify()
        waiting.receipt.confirmed.set()
        waiting.receipt.answered.set()
        self._refusals.clear(message.destination[1])
        if self._events:
            seconds = time.monotonic() - waiting.sent
            self._events.confirm_seconds.observe(seconds)
            log.info("event_confirmed", confirm_ms=round(seconds * 1000, 1), **_names(message))

    def _retry(self, waiting: _Unconfirmed, why: str) -> None:
        """Try this message again later; the others need not wait for it."""
        with self._work:
            waiting.due = time.monotonic() + waiting.backoff.next_delay()
            self._notify()
        waiting.receipt.answered.set()
        _, key = waiting.message.destination
        if self._refusals.allows(key):
            log.warning("message_refused", cause=why, to=key, unconfirmed=self.unconfirmed(), **_names(waiting.message))

    def _give_up(self, closed: ConfirmChannel) -> None:
        """The broker closed this channel, because its exchange is missing or may not be used."""
        for waiting in closed.outstanding:
            self._count_attempt(waiting.message, "returned")
            self._retry(waiting, str(why_closed(closed.channel)))

    def _check_answers(self, confirms: ConfirmChannel) -> None:
        """End the connection if the broker owes an answer for too long; BrokerError says so."""
        longest = confirms.waiting_longest()
        if longest is None or self._is_blocked:  # a blocked broker doesn't read
            return
        waiting, seconds = longest
        if seconds <= CONFIRM_SECONDS:
            return
        waiting.due, waiting.unanswered = time.monotonic() + CONFIRM_SECONDS, True
        raise BrokerError("unconfirmed", f"no answer for {seconds:.0f} s to a message for {waiting.message.destination[1]}")

    def _remove(self, waiting: _Unconfirmed) -> None:
        """Take it out of the outbox, if it is still there. Called with the lock held."""
        if waiting in self._outbox:
            self._outbox.remove(waiting)
            self._count_outbox()
            if self._spool and waiting.file:
                self._spool.remove(waiting.file)

    def _count_attempt(self, message: Message, outcome: str) -> None:
        if self._events:
            self._events.published.labels(EVENT_TYPES.get(message.kind or "", "face"), outcome).inc()

    def _count_outbox(self) -> None:
        if self._events:
            self._events.unconfirmed.set(len(self._outbox))
            self._events.oldest.set(self._outbox[0].wall if self._outbox else 0)

    def _established(self) -> None:
        with self._work:
            for waiting in self._outbox:
                if waiting.unanswered:  # its queue may still hang: the others first
                    waiting.unanswered = False
                else:
                    waiting.due = 0.0
                    waiting.backoff.reset()
        super()._established()

    def _lost(self, why: str) -> None:
        self._hindrance = "disconnected"
        self._is_blocked = False
        self._metrics.blocked.set(0)
        for confirms in self._confirms.values():
            for waiting in confirms.outstanding:
                self._count_attempt(waiting.message, "error")
        self._connection = None
        self._confirms.clear()
        super()._lost(why)
        self._wake()

    def _blocked(self, blocked: bool) -> None:
        self._is_blocked = blocked
        self._metrics.blocked.set(blocked)
        if blocked:
            self._hindrance = "blocked"
            log.warning("broker_blocked")
        else:
            for confirms in self._confirms.values():
                confirms.restart_clocks()
            log.info("broker_unblocked")

    def _wake(self) -> None:
        with self._work:
            self._notify()


def _names(message: Message) -> dict[str, Any]:
    """Fields of a log line about a message."""
    return {"event_id": message.message_id, **{k: v for k, v in message.headers.items() if k in ("trace_id", "camera")}}

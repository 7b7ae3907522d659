"""Consuming: any number of subscriptions on one connection, each renewed when it is lost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from seccam import logs, topology
from seccam.broker.connection import (
    BACKOFF,
    NOT_FOUND,
    PIKA_ERRORS,
    TURN,
    ReconnectingConnection,
    headers_of,
    text,
    translated,
    why_closed,
)
from seccam.errors import BrokerError
from seccam.metrics import BrokerMetrics
from seccam.settings import BrokerSettings

log = logs.get(__name__)


class Delivery:
    """A received message. The broker sends more, beyond the prefetch count, only after `ack`."""

    def __init__(self, consumer: Consumer, channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        self._consumer, self._channel, self._tag = consumer, channel, method.delivery_tag
        #: Whether `ack` was called.
        self.is_acknowledged = False
        self.exchange: str = method.exchange
        self.key = text(method.routing_key)
        self.redelivered: bool = method.redelivered
        self.headers = headers_of(properties)
        self.content_type = text(properties.content_type or "")
        self.message_id = None if properties.message_id is None else text(properties.message_id)
        #: When it was published, seconds since 1970 UTC by the publisher's clock; None if not given.
        self.timestamp: int | None = properties.timestamp
        self.body = body
        #: Time of arrival by this machine's clocks, seconds.
        self.wall, self.monotonic = time.time(), time.monotonic()

    def ack(self) -> None:
        """Acknowledge it; thread-safe. Has no effect if the connection was lost, because the broker delivers it again."""
        self.is_acknowledged = True
        self._consumer.soon(self._ack)

    def _ack(self) -> None:
        if self._channel.is_open:
            self._channel.basic_ack(self._tag)


@dataclass(frozen=True)
class CatchAllRouter:
    """Routes messages of known cameras to their queues and the rest to a catch-all, in the broker.

    The consumer has two exchanges of its own, which the broker deletes with its queues. The first one receives what
    matches `key` and routes it to the subscriptions with that key. Everything else goes to its alternate exchange (see
    RabbitMQ's documentation), and from there to the subscription without keys.
    """

    #: Binding key on the shared exchange, for example `seccam.view.*`.
    key: str
    #: The first exchange's name, unique to the consumer.
    exchange: str

    @property
    def rest(self) -> str:
        """The second exchange's name."""
        return f"{self.exchange}.rest"

    def declare(self, channel: BlockingChannel) -> None:
        """Declare both exchanges and their bindings."""
        channel.exchange_declare(self.rest, "fanout", auto_delete=True)
        channel.exchange_declare(self.exchange, "direct", auto_delete=True, arguments={"alternate-exchange": self.rest})
        # this binding, whose key no message has, keeps the first exchange alive as long as the second
        channel.exchange_bind(self.rest, self.exchange, "")
        channel.exchange_bind(self.exchange, topology.EXCHANGE, self.key)


@dataclass(frozen=True, eq=False)
class Subscription:
    """What to consume: an existing queue by name, or an exclusive queue that is bound by `keys`.

    `handle` runs in the connection's thread and must be quick. It must see to it that each Delivery is acknowledged; if it
    raises, which is a bug, the consumer counts and logs that and acknowledges the delivery.
    """

    handle: Callable[[Delivery], None]
    queue: str = ""
    keys: tuple[str, ...] = ()
    #: Bind the exclusive queue here instead of to the shared exchange; without `keys` it is the catch-all.
    router: CatchAllRouter | None = None
    #: Arguments of the exclusive queue.
    arguments: Mapping[str, Any] = field(default_factory=dict)
    #: Arguments of the consumer, called at each (re)connection.
    consume: Callable[[], Mapping[str, Any]] = dict
    prefetch: int = 1
    #: Whether the consumer counts as not connected while this subscription doesn't hold.
    required: bool = True
    #: Called when the broker says that the queue does not exist, at each attempt.
    on_missing: Callable[[], None] = lambda: None


class Consumer(ReconnectingConnection):
    """Consumes any number of subscriptions on one connection, with a channel for each.

    If the broker refuses or ends a subscription (its queue is missing, its channel was closed), the consumer retries it. The
    other subscriptions continue meanwhile, and the consumer counts as not connected if the subscription is required.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        name: str,
        metrics: BrokerMetrics,
        subscriptions: list[Subscription],
        *,
        direction: str = "consume",
    ) -> None:
        """`direction` labels the connection's metrics; two consumers in one process need different ones."""
        super().__init__(settings, name, direction, metrics)
        self._subscriptions = list(subscriptions)
        self._changing = threading.Lock()
        self._current: BlockingConnection | None = None
        # used only in the connection's thread
        self._channels: dict[Subscription, BlockingChannel] = {}
        self._cancelled: set[Subscription] = set()
        self._failing: dict[Subscription, float] = {}
        self._arrived: deque[tuple[Subscription, Delivery]] = deque()
        self._failures = logs.Throttle()
        #: Whether all required subscriptions have succeeded at least once.
        self.subscribed_once = False

    def add(self, subscription: Subscription) -> None:
        """Add a subscription."""
        with self._changing:
            self._subscriptions.append(subscription)
        self._wake()

    def remove(self, subscription: Subscription) -> None:
        """End a subscription; a delivery that is being handled is not interrupted."""
        with self._changing:
            self._subscriptions.remove(subscription)
        self._wake()

    def holds(self, subscription: Subscription) -> bool:
        """Whether this subscription receives messages, as far as is known."""
        return self.connected and subscription in self._channels

    def soon(self, call: Callable[[], None], after: float = 0.0) -> None:
        """Call this in the connection's thread, `after` seconds from now, unless the connection is lost before."""
        connection = self._current
        if connection is None:
            return
        try:
            if threading.current_thread() is self and not after:
                call()
            elif threading.current_thread() is self:
                connection.call_later(after, call)
            elif after:
                connection.add_callback_threadsafe(lambda: connection.call_later(after, call))
            else:
                connection.add_callback_threadsafe(call)
        except pika.exceptions.ConnectionWrongStateError:
            pass  # lost meanwhile: the session is about to end and says so

    def _session(self, connection: BlockingConnection) -> None:
        for kept in (self._channels, self._cancelled, self._failing, self._arrived):
            kept.clear()
        self._current = connection
        try:
            while not self._halt.is_set():
                self.heartbeat.beat()
                self._tend(connection)
                connection.process_data_events(TURN)
                self._hand_over()
        finally:
            self._current = None

    def _tend(self, connection: BlockingConnection) -> None:
        """Let every wanted subscription, and no other, have an open channel."""
        with self._changing:
            wanted = dict.fromkeys(self._subscriptions)
        for subscription in [s for s in self._channels if s not in wanted or s in self._cancelled or not self._channels[s].is_open]:
            self._leave(subscription, wanted=subscription in wanted)
        for subscription in [s for s in self._failing if s not in wanted]:
            del self._failing[subscription]
        now = time.monotonic()
        for subscription in wanted:
            if subscription not in self._channels and self._failing.get(subscription, 0.0) <= now:
                self._try(connection, subscription)
        if not self.connected and not any(subscription.required for subscription in self._failing):
            self.subscribed_once = True
            self._established()

    def _leave(self, subscription: Subscription, *, wanted: bool) -> None:
        channel = self._channels.pop(subscription)
        self._cancelled.discard(subscription)
        if channel.is_open:
            channel.close()
            if wanted:
                self._fail(subscription, BrokerError("closed", "the broker ended the consumer: its queue was deleted"))
        elif wanted:
            self._fail(subscription, why_closed(channel))

    def _try(self, connection: BlockingConnection, subscription: Subscription) -> None:
        try:
            self._channels[subscription] = self._subscribe(connection, subscription)
        except pika.exceptions.ChannelClosedByBroker as e:
            self._fail(subscription, translated(e))
            if e.reply_code == NOT_FOUND:
                subscription.on_missing()
        else:
            self._failing.pop(subscription, None)

    def _fail(self, subscription: Subscription, error: BrokerError) -> None:
        """The subscription doesn't hold: try again, soon the first time."""
        wait = BACKOFF[1] if subscription in self._failing else BACKOFF[0]
        self._failing[subscription] = time.monotonic() + wait
        if subscription.required:
            self._lost(error.cause)
        self._count_loss(error, wait)

    def _subscribe(self, connection: BlockingConnection, subscription: Subscription) -> BlockingChannel:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=subscription.prefetch)
        queue = subscription.queue
        if not queue:
            queue = channel.queue_declare("", exclusive=True, auto_delete=True, arguments=dict(subscription.arguments)).method.queue
            _bind(channel, queue, subscription)
        channel.add_on_cancel_callback(lambda _: self._cancelled.add(subscription))

        def arrived(ch: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
            if properties.unreadable:
                self._metrics.unreadable.inc()
            self._arrived.append((subscription, Delivery(self, ch, method, properties, body)))

        channel.basic_consume(queue, arrived, arguments=dict(subscription.consume()))
        return channel

    def _hand_over(self) -> None:
        """Outside pika's own loop, so that an error of a handler is seen as what it is."""
        while self._arrived:
            subscription, delivery = self._arrived.popleft()
            if subscription in self._channels:  # else it was removed meanwhile, and the broker has the message again
                self._pass_on(subscription, delivery)

    def _pass_on(self, subscription: Subscription, delivery: Delivery) -> None:
        """One message that a handler can't digest must not stop the ones behind it, nor come again for ever."""
        try:
            subscription.handle(delivery)
        except (*PIKA_ERRORS, BrokerError):
            raise  # the connection is lost, and `run` makes a new one
        except Exception as e:  # noqa: BLE001  # a bug can raise anything
            self._metrics.handler_failures.labels(self._direction).inc()
            where = logs.place(e)
            if self._failures.allows(where):
                log.error("handler_failed", direction=self._direction, key=delivery.key[:80], error=where)  # noqa: TRY400  # a trace may hold a secret
            if not delivery.is_acknowledged:
                delivery.ack()

    def _wake(self) -> None:
        self.soon(lambda: None)


def _bind(channel: BlockingChannel, queue: str, subscription: Subscription) -> None:
    router, keys = subscription.router, subscription.keys
    if router:
        router.declare(channel)
    exchange = topology.EXCHANGE if router is None else router.exchange if keys else router.rest
    for key in keys or ("",):
        channel.queue_bind(queue, exchange, key)

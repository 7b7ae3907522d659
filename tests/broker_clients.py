"""The library's own publishers and consumers under test, stopped at the test's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from seccam import topology
from seccam.broker import Consumer, Delivery, Message, Publisher, Spool, Subscription
from seccam.metrics import BrokerMetrics, EventMetrics
from seccam.settings import BrokerSettings
from tests.brokers import RunningBroker
from tests.tcp_proxy import TcpProxy

L = TypeVar("L", Publisher, Consumer)


class Received:
    """A handler that acknowledges and remembers."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def __call__(self, delivery: Delivery) -> None:
        """Take it."""
        self.deliveries.append(delivery)
        delivery.ack()

    @property
    def bodies(self) -> list[bytes]:
        """What came, in order."""
        return [d.body for d in self.deliveries]


class BrokerClients:
    """Makes publishers and consumers of one registry."""

    def __init__(self, broker: RunningBroker, stack: ExitStack) -> None:
        self._broker, self._stack = broker, stack
        self.registry = CollectorRegistry()
        self.broker_metrics = BrokerMetrics(self.registry, ("publish", "consume"))
        self.event_metrics = EventMetrics(self.registry)
        self.sent: list[Message] = []
        self.dropped: list[tuple[Message, str]] = []

    def publisher(
        self,
        user: str,
        *,
        settings: BrokerSettings | None = None,
        outbox_limit: int = 100,
        direction: str = "publish",
        spool: Spool | None = None,
    ) -> Publisher:
        """A started publisher."""
        link = Publisher(
            settings or self._broker.settings(user),
            "test",
            self.broker_metrics,
            events=self.event_metrics,
            on_sent=self.sent.append,
            on_dropped=lambda message, reason: self.dropped.append((message, reason)),
            outbox_limit=outbox_limit,
            direction=direction,
            spool=spool,
        )
        return self._started(link)

    def consumer(self, user: str, *subscriptions: Subscription, settings: BrokerSettings | None = None) -> Consumer:
        """A started consumer."""
        return self._started(Consumer(settings or self._broker.settings(user), "test", self.broker_metrics, list(subscriptions)))

    def _started(self, link: L) -> L:
        link.start()
        self._stack.callback(link.stop, 3.0)
        return link

    def value(self, name: str, **labels: str) -> float:
        """A metric's value."""
        value = self.registry.get_sample_value(name, labels)
        assert value is not None, f"no series {name}{labels}"
        return value

    def losses(self, direction: str) -> dict[str, float]:
        """Connections lost or refused, by cause, without the zeros."""
        found = {
            s.labels["cause"]: s.value
            for m in self.registry.collect()
            for s in m.samples
            if s.name == "seccam_broker_reconnects_total" and s.labels["direction"] == direction
        }
        return {cause: value for cause, value in found.items() if value}


@contextmanager
def proxy_to(broker: RunningBroker) -> Iterator[TcpProxy]:
    """A proxy in front of the broker."""
    proxy = TcpProxy(broker.ports.amqp)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def clients_of(broker: RunningBroker) -> Iterator[BrokerClients]:
    """BrokerClients to a broker, stopped in the end."""
    with ExitStack() as stack:
        yield BrokerClients(broker, stack)


def frame(camera: str, body: bytes, *, flow: str = topology.VIEW, headers: Mapping[str, Any] | None = None) -> Message:
    """A transient message."""
    return Message(topology.key(flow, camera), body, "image/jpeg", headers or {})


def event(number: int, camera: str = "front") -> Message:
    """A lasting message whose id is its number."""
    return Message(
        topology.key(topology.EVENTS, camera),
        f"event {number}".encode(),
        "application/json",
        {"camera": camera},
        f"{camera}-boot-{number}",
        "seccam.face",
        exchange=topology.EVENTS_EXCHANGE,
        copied=True,
    )


def newest(camera: str, handle: Callable[[Delivery], None]) -> Subscription:
    """A viewer's subscription to one camera."""
    return Subscription(handle, keys=(topology.key(topology.VIEW, camera),), arguments=topology.NEWEST_ONLY)


def waiting_events(broker: RunningBroker) -> list[str]:
    """Ids in the events queue, which is emptied."""
    with broker.connection() as connection:
        channel = connection.channel()
        found = []
        emptied = False
        for method, properties, _ in channel.consume(topology.EVENTS_QUEUE, auto_ack=True, inactivity_timeout=0.5):
            if method is not None:
                found.append(properties.message_id)
            elif emptied:  # and silent since: all that was on its way has come
                break
            else:
                emptied = not channel.queue_declare(topology.EVENTS_QUEUE, passive=True).method.message_count
        channel.cancel()
        return found


def through(proxy: TcpProxy, broker: RunningBroker, user: str) -> BrokerSettings:
    """The settings of a user that reaches the broker through a proxy."""
    return BrokerSettings(url=f"amqp://{user}:{broker.node.passwords()[user]}@127.0.0.1:{proxy.port}/")

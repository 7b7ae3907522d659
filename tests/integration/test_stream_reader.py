"""Reading streams from a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from seccam import topology
from seccam.broker import Consumer, Delivery, StreamReader, consumer, stream
from seccam.settings import BrokerSettings
from tests.broker_clients import BrokerClients, clients_of, proxy_to, through
from tests.brokers import RunningBroker
from tests.integration.monitors import Sender
from tests.waiting import eventually

KEY = topology.key(topology.EVENTS, "front")


@pytest.fixture
def clients(broker: RunningBroker) -> Iterator[BrokerClients]:
    with clients_of(broker) as clients:
        yield clients


@pytest.fixture
def sender(broker: RunningBroker) -> Iterator[Sender]:
    sender = Sender(broker)
    yield sender
    sender.close()


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The body of everything that the broker delivers from now on."""
    bodies: list[bytes] = []

    class Noted(Delivery):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            bodies.append(self.body)

    monkeypatch.setattr(consumer, "Delivery", Noted)
    return bodies


class Reader:
    """A StreamReader on a connection of its own."""

    def __init__(self, clients: BrokerClients, settings: BrokerSettings | None = None, *, last: int | None = 10) -> None:
        self.bodies: list[bytes] = []
        self.missing = 0
        reader = StreamReader(topology.EVENTS_LOG, self._handle, last=last, on_missing=self._on_missing)
        self.consumer: Consumer = clients.consumer("monitor", reader.subscription, settings=settings)
        reader.attach(self.consumer)

    def _handle(self, delivery: Delivery) -> None:
        self.bodies.append(delivery.body)

    def _on_missing(self) -> None:
        self.missing += 1

    def has_read(self, *numbers: int) -> bool:
        """Whether these events were handled, in this order and once each."""
        return self.bodies == [b"%d" % n for n in numbers]


def publish(sender: Sender, *numbers: int) -> None:
    for number in numbers:
        sender.publish(KEY, b"%d" % number)


def test_after_a_reconnection_no_event_is_read_again_and_none_comes_twice(
    clients: BrokerClients, broker: RunningBroker, sender: Sender, delivered: list[bytes]
) -> None:
    publish(sender, *range(30))
    with proxy_to(broker) as proxy:
        reader = Reader(clients, through(proxy, broker, topology.MONITOR_USER))
        eventually(lambda: reader.bodies[-1:] == [b"29"])
        first = len(delivered)
        publish(sender, 30, 31)
        eventually(lambda: reader.bodies[-1:] == [b"31"])
        assert len(delivered) == first + 2

        for _ in range(2):
            proxy.shut()
            eventually(lambda: not reader.consumer.connected)
            proxy.open()
            eventually(lambda: reader.consumer.connected)
        eventually(lambda: len(delivered) > first + 2)
        publish(sender, 32)
        eventually(lambda: reader.bodies[-1:] == [b"32"])

        assert len(reader.bodies) == len(set(reader.bodies))
        assert delivered[first:].count(b"32") == 1
        assert set(delivered[first + 2 :]) == {b"31", b"32"}  # the last one that was read shows that it is the same stream


def test_the_last_events_are_read_at_the_start(clients: BrokerClients, sender: Sender) -> None:
    first = Reader(clients)
    for number in range(30):  # a chunk each, so that the last one holds one event
        publish(sender, number)
        eventually(partial(first.has_read, *range(number + 1)))

    reader = Reader(clients)

    eventually(lambda: reader.has_read(*range(19, 30)), within=20)


def test_an_empty_stream_is_read_from_its_first_event(clients: BrokerClients, sender: Sender) -> None:
    reader = Reader(clients)
    eventually(lambda: reader.consumer.connected)
    publish(sender, 0, 1, 2)
    eventually(lambda: reader.has_read(0, 1, 2))


def test_all_events_are_read_if_no_number_is_given(clients: BrokerClients, sender: Sender) -> None:
    publish(sender, *range(30))

    reader = Reader(clients, last=None)

    eventually(lambda: reader.has_read(*range(30)), within=20)
    publish(sender, 30)
    eventually(lambda: reader.has_read(*range(31)))


def test_a_missing_stream_is_reported_and_then_read(clients: BrokerClients, broker: RunningBroker, sender: Sender) -> None:
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.EVENTS_LOG)
    reader = Reader(clients, last=None)
    eventually(lambda: reader.missing)

    broker.empty()  # it declares the stream again
    publish(sender, 1)

    eventually(lambda: reader.has_read(1))


@pytest.mark.parametrize("last", [10, None])
def test_a_stream_that_was_declared_anew_is_read_from_the_start(
    clients: BrokerClients, broker: RunningBroker, sender: Sender, monkeypatch: pytest.MonkeyPatch, last: int | None
) -> None:
    monkeypatch.setattr(stream, "_ANSWER_SECONDS", 1.0)
    publish(sender, *range(8))
    reader = Reader(clients, last=last)
    eventually(lambda: reader.has_read(*range(8)), within=20)

    broker.empty()  # it deletes the stream and declares it again
    publish(sender, 100, 101)

    eventually(lambda: reader.has_read(*range(8), 100, 101), within=30)


def test_events_whose_headers_can_not_be_read_are_read_all_the_same(clients: BrokerClients, sender: Sender) -> None:
    publish(sender, 0)
    sender.publish_unreadable(KEY, b"1")
    publish(sender, 2)
    reader = Reader(clients)
    eventually(lambda: reader.has_read(0, 1, 2), within=20)
    sender.publish_unreadable(KEY, b"3")
    publish(sender, 4)
    eventually(lambda: reader.has_read(0, 1, 2, 3, 4))
    assert clients.losses("consume") == {}


def test_a_last_event_whose_headers_can_not_be_read_hides_none_before_it(clients: BrokerClients, sender: Sender) -> None:
    publish(sender, 0, 1)
    sender.publish_unreadable(KEY, b"2")
    reader = Reader(clients)
    eventually(lambda: reader.has_read(0, 1, 2), within=20)
    publish(sender, 3)
    eventually(lambda: reader.has_read(0, 1, 2, 3))

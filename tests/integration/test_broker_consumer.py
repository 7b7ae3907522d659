"""Consuming from a real broker."""

from __future__ import annotations

import functools
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pika
import pika.data
import pytest
from pika.adapters.utils.io_services_utils import _AsyncPlaintextTransport
from structlog.testing import capture_logs

from seccam import topology
from seccam.broker import Delivery, Subscription
from tests.broker_clients import BrokerClients, Received, clients_of, frame, newest, proxy_to, through
from tests.brokers import CAMERA, RunningBroker
from tests.waiting import eventually

WORK = topology.SECURITY_QUEUE


@pytest.fixture
def clients(broker: RunningBroker) -> Iterator[BrokerClients]:
    with clients_of(broker) as clients:
        yield clients


def offer(clients: BrokerClients, *cameras: str) -> None:
    publisher = clients.publisher(topology.OPERATOR_USER)
    eventually(lambda: publisher.connected)
    for camera in cameras:
        publisher.publish_latest(camera, frame(camera, camera.encode()))


def test_subscriptions_are_added_and_removed_while_it_runs(clients: BrokerClients) -> None:
    front, yard = Received(), Received()
    subscription = newest("front", front)
    consumer = clients.consumer("monitor", subscription)
    eventually(lambda: consumer.subscribed_once)
    publisher = clients.publisher(topology.OPERATOR_USER)

    def arrived(more: int) -> bool:
        for camera in ("front", "yard"):
            publisher.publish_latest(camera, frame(camera, camera.encode()))
        return len(yard.deliveries) > more

    consumer.add(newest("yard", yard))
    eventually(lambda: arrived(0) and front.deliveries)
    consumer.remove(subscription)
    eventually(lambda: len(consumer._channels) == 1)
    seen = len(front.deliveries)
    before = len(yard.deliveries)
    eventually(lambda: arrived(before + 3))

    assert len(front.deliveries) <= seen + 1
    assert {d.body for d in yard.deliveries} == {b"yard"}


def test_a_subscription_added_before_the_connection_is_made_when_it_comes(clients: BrokerClients, broker: RunningBroker) -> None:
    with proxy_to(broker) as proxy:
        proxy.shut()
        consumer = clients.consumer("monitor", settings=through(proxy, broker, "monitor"))
        received = Received()
        consumer.add(newest("front", received))
        eventually(lambda: clients.losses("consume"))
        proxy.open()
        eventually(lambda: consumer.connected)

        offer(clients, "front")

        eventually(lambda: received.deliveries)


def test_all_subscriptions_are_made_again_after_a_cut(clients: BrokerClients, broker: RunningBroker) -> None:
    with proxy_to(broker) as proxy:
        front, yard = Received(), Received()
        settings = through(proxy, broker, "monitor")
        consumer = clients.consumer("monitor", newest("front", front), newest("yard", yard), settings=settings)
        eventually(lambda: consumer.connected)
        proxy.shut()
        eventually(lambda: not consumer.connected)
        proxy.open()
        eventually(lambda: consumer.connected)

        offer(clients, "front", "yard")

        eventually(lambda: front.deliveries and yard.deliveries)
        assert clients.losses("consume").keys() <= {"network", "refused"}


def test_a_silent_cut_is_noticed_by_heartbeat_and_counts_as_alive_meanwhile(
    clients: BrokerClients, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seccam.broker.connection.HEARTBEAT", 1)
    with proxy_to(broker) as proxy:
        received = Received()
        consumer = clients.consumer("monitor", newest("front", received), settings=through(proxy, broker, "monitor"))
        publisher = clients.publisher(CAMERA, settings=through(proxy, broker, CAMERA))
        eventually(lambda: consumer.connected and publisher.connected)
        proxy.freeze()
        silence = []

        def noticed() -> bool:
            silence.append(max(consumer.heartbeat.age(), publisher.heartbeat.age()))
            return not consumer.connected and not publisher.connected

        eventually(noticed, within=30)
        proxy.open()
        eventually(lambda: consumer.connected and publisher.connected, within=30)
        assert clients.losses("consume").get("heartbeat") == 1
        assert clients.losses("publish").get("heartbeat") == 1
        assert max(silence) < 5


def test_a_missing_queue_is_waited_for_and_the_other_subscriptions_go_on(clients: BrokerClients, broker: RunningBroker) -> None:
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.EVENTS_LOG)
    received = Received()
    log = Subscription(Received(), queue=topology.EVENTS_LOG, consume=lambda: {"x-stream-offset": "first"})
    consumer = clients.consumer("monitor", newest("front", received), log)
    eventually(lambda: clients.losses("consume").get("closed", 0) >= 1)

    offer(clients, "front")

    eventually(lambda: received.deliveries)
    assert not consumer.connected
    assert not consumer.subscribed_once
    assert consumer.trouble()["broker"].startswith("closed for")
    broker.empty()  # it declares the stream again
    eventually(lambda: consumer.connected, within=20)
    assert consumer.trouble() == {}


def test_a_queue_that_is_deleted_and_made_again_is_consumed_again(clients: BrokerClients, broker: RunningBroker) -> None:
    received = Received()
    consumer = clients.consumer("security", Subscription(received, queue=WORK))
    eventually(lambda: consumer.connected)
    with broker.connection() as connection:
        connection.channel().queue_delete(WORK)
    eventually(lambda: not consumer.connected)
    with broker.connection() as connection:
        channel = connection.channel()
        channel.queue_declare(WORK, durable=True, arguments=topology.queues()[WORK])
        channel.queue_bind(WORK, topology.EXCHANGE, topology.every(topology.SECURITY))
    eventually(lambda: consumer.connected, within=20)

    publisher = clients.publisher(CAMERA)
    publisher.publish_latest("front", frame("front", b"frame", flow=topology.SECURITY))

    eventually(lambda: received.bodies == [b"frame"])


def test_a_channel_that_the_broker_closes_does_not_leave_it_deaf(clients: BrokerClients) -> None:
    """An acknowledgement given twice is such an error; RabbitMQ's consumer timeout is another."""
    received: list[Delivery] = []
    consumer = clients.consumer("monitor", newest("front", received.append))
    eventually(lambda: consumer.connected)
    offer(clients, "front")
    eventually(lambda: received)
    for _ in range(2):
        received[0].ack()
    eventually(lambda: clients.losses("consume").get("closed"))
    eventually(lambda: consumer.connected)

    offer(clients, "front")

    eventually(lambda: len(received) > 1)


def test_a_subscription_that_holds_and_is_lost_again_and_again_is_logged_once(clients: BrokerClients) -> None:
    def acknowledge_twice(delivery: Delivery) -> None:
        delivery.ack()
        delivery.ack()

    with capture_logs() as lines:
        consumer = clients.consumer("monitor", newest("front", acknowledge_twice))
        eventually(lambda: consumer.connected)
        for lost in range(1, 5):
            offer(clients, "front")
            eventually(lambda lost=lost: clients.losses("consume").get("closed") == lost and consumer.connected)  # type: ignore[misc]  # its default

    said = [line["event"] for line in lines if line.get("direction") == "consume"]
    assert said == ["broker_connected", "broker_lost", "broker_connected"]


def test_a_queue_that_may_not_be_read_counts_as_auth(clients: BrokerClients) -> None:
    consumer = clients.consumer(CAMERA, Subscription(Received(), queue=WORK))

    eventually(lambda: clients.losses("consume").get("auth"))

    assert not consumer.connected


def test_frames_are_shared_and_one_not_acknowledged_goes_to_another_worker(clients: BrokerClients, broker: RunningBroker) -> None:
    held: list[Delivery] = []
    with proxy_to(broker) as proxy:
        crashing = clients.consumer("security", Subscription(held.append, queue=WORK), settings=through(proxy, broker, "security"))
        eventually(lambda: crashing.connected)
        publisher = clients.publisher(CAMERA)
        publisher.publish_latest("front", frame("front", b"poison", flow=topology.SECURITY))
        eventually(lambda: held)
        received = Received()
        other = clients.consumer("security", Subscription(received, queue=WORK))
        eventually(lambda: other.connected)

        proxy.shut()

        eventually(lambda: received.deliveries)
        assert (received.deliveries[0].body, received.deliveries[0].redelivered) == (b"poison", True)


def test_acknowledging_from_another_thread_and_after_a_cut_does_no_harm(clients: BrokerClients, broker: RunningBroker) -> None:
    held: list[Delivery] = []
    with proxy_to(broker) as proxy:
        consumer = clients.consumer("monitor", newest("front", held.append), settings=through(proxy, broker, "monitor"))
        eventually(lambda: consumer.connected)
        offer(clients, "front")
        eventually(lambda: held)
        proxy.shut()
        eventually(lambda: not consumer.connected)
        proxy.open()
        eventually(lambda: consumer.connected)
        held[0].ack()
        offer(clients, "front")
        eventually(lambda: len(held) == 2)

        thread = threading.Thread(target=held[1].ack)
        thread.start()
        thread.join()
        offer(clients, "front")

        eventually(lambda: len(held) == 3)
        assert consumer.connected


def test_calls_run_in_the_connections_thread_at_once_or_later(clients: BrokerClients) -> None:
    consumer = clients.consumer("monitor")
    eventually(lambda: consumer.connected)
    ran: list[tuple[str, threading.Thread]] = []

    consumer.soon(lambda: ran.append(("later", threading.current_thread())), after=0.2)
    consumer.soon(lambda: ran.append(("now", threading.current_thread())))

    eventually(lambda: len(ran) == 2)
    assert ran == [("now", consumer), ("later", consumer)]


#: Tables, as they go over the wire, that the broker passes on and pika can't read: a time beyond its calendar, and too deep a one.
UNREADABLE = {
    "milliseconds as seconds": b"\x01aT" + (10**13).to_bytes(8, "big"),
    "time": b"\x01aT" + (2**63).to_bytes(8, "big"),
    "deep": functools.reduce(lambda inner, _: b"\x01aF" + struct.pack(">I", len(inner)) + inner, range(2000), b""),
}


@pytest.mark.parametrize("table", UNREADABLE.values(), ids=UNREADABLE)
def test_headers_that_pika_can_not_read_are_none_and_the_connection_holds(
    clients: BrokerClients, broker: RunningBroker, table: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = Received()
    consumer = clients.consumer("monitor", newest("front", received))
    eventually(lambda: consumer.connected)

    def raw(pieces: list[bytes], _: object) -> int:
        pieces += [len(table).to_bytes(4, "big"), table]
        return 4 + len(table)

    with broker.connection(CAMERA) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with monkeypatch.context() as patch:
            patch.setattr(pika.data, "encode_table", raw)
            channel.basic_publish(topology.EXCHANGE, "seccam.view.front", b"x", pika.BasicProperties(headers={"a": 1}))
    eventually(lambda: received.deliveries)
    offer(clients, "front")

    eventually(lambda: received.bodies == [b"x", b"front"])
    assert received.deliveries[0].headers == {}
    assert clients.losses("consume") == {}
    assert clients.value("seccam_broker_unreadable_headers_total") == 1


@pytest.mark.parametrize("acknowledges_first", [True, False])
def test_a_message_whose_handler_fails_is_counted_and_dropped_and_the_next_ones_come(
    clients: BrokerClients, broker: RunningBroker, acknowledges_first: bool
) -> None:
    handled: list[bytes] = []

    def handle(delivery: Delivery) -> None:
        if acknowledges_first:
            delivery.ack()
        handled.append(delivery.body)
        if delivery.body == b"bad":
            raise ArithmeticError("a secret")
        if not acknowledges_first:
            delivery.ack()

    consumer = clients.consumer("monitor", Subscription(handle, keys=("seccam.view.*",)))
    eventually(lambda: consumer.connected)

    with capture_logs() as lines, broker.connection(CAMERA) as connection:
        channel = connection.channel()
        for body in (b"bad", b"bad", b"good"):
            channel.basic_publish(topology.EXCHANGE, "seccam.view.front", body)
        eventually(lambda: handled == [b"bad", b"bad", b"good"])

    assert consumer.is_alive()
    assert clients.losses("consume") == {}
    assert clients.value("seccam_broker_handler_failures_total", direction="consume") == 2
    (line,) = [line for line in lines if line["event"] == "handler_failed"]  # the same failure is logged once a minute
    assert line["error"].startswith("ArithmeticError in handle, line ")
    assert line["key"] == "seccam.view.front"


def test_texts_that_are_not_utf_8_come_as_texts(clients: BrokerClients, broker: RunningBroker) -> None:
    received = Received()
    everything = Subscription(received, keys=(topology.every(topology.VIEW),))
    consumer = clients.consumer("monitor", everything)
    eventually(lambda: consumer.connected)

    with broker.connection() as connection:
        odd: Any = b"seccam.view.\xff"
        connection.channel().basic_publish(topology.EXCHANGE, odd, b"x", pika.BasicProperties(content_type=odd, message_id=odd))
    eventually(lambda: received.deliveries)

    (delivery,) = received.deliveries
    assert (delivery.key, delivery.content_type, delivery.message_id) == ("seccam.view.\ufffd",) * 3


def test_a_frame_is_read_in_large_pieces(clients: BrokerClients, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []
    read = _AsyncPlaintextTransport._sigint_safe_recv

    def counted(sock: socket.socket, most: int) -> bytes:
        data: bytes = read(sock, most)
        pieces.append(len(data))
        return data

    monkeypatch.setattr(_AsyncPlaintextTransport, "_sigint_safe_recv", staticmethod(counted))
    received = Received()
    consumer = clients.consumer("monitor", newest("front", received))
    eventually(lambda: consumer.connected)

    clients.publisher(CAMERA).publish_latest("front", frame("front", bytes(1_000_000)))

    eventually(lambda: received.bodies == [bytes(1_000_000)])
    assert max(pieces) > 4096  # pika's own


def test_stopping_a_consumer_is_quick_and_counts_as_no_loss(clients: BrokerClients) -> None:
    consumer = clients.consumer("monitor", newest("front", Received()))
    eventually(lambda: consumer.connected)

    consumer.stop(5)

    assert not consumer.is_alive()
    assert clients.losses("consume") == {}
    assert clients.value("seccam_broker_connected", direction="consume") == 0

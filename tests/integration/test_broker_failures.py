"""A broker that dies, hangs, or runs out of memory: nothing confirmed is lost, and everything comes back by itself."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from seccam.broker import Publisher
from seccam.settings import BrokerSettings
from tests.broker_clients import BrokerClients, Received, clients_of, event, frame, newest, waiting_events
from tests.brokers import CAMERA, RunningBroker
from tests.waiting import eventually


@pytest.fixture
def clients(broker: RunningBroker) -> Iterator[BrokerClients]:
    with clients_of(broker) as clients:
        yield clients


def test_no_event_is_lost_when_the_broker_is_killed_while_they_are_published(clients: BrokerClients, broker: RunningBroker) -> None:
    """The ledger: every event that was handed over is confirmed in the end, and is in the queue at least once, in order."""
    received = Received()
    consumer = clients.consumer("monitor", newest("front", received))
    publisher = clients.publisher("security", outbox_limit=1000)
    camera = clients.publisher(CAMERA)
    handed: list[str | None] = []

    def hand_over(count: int) -> None:
        for number in range(len(handed), len(handed) + count):
            assert publisher.publish_durable(event(number))
            handed.append(event(number).message_id)

    hand_over(150)
    eventually(lambda: clients.value("seccam_events_published_total", type="face", outcome="confirmed") > 20)
    broker.kill()
    hand_over(50)
    broker.ensure_running()
    hand_over(50)

    eventually(lambda: publisher.oldest_unconfirmed() == 0, within=60)
    found = waiting_events(broker)
    assert set(found) == set(handed)
    assert list(dict.fromkeys(found)) == handed
    assert len(found) - len(handed) <= 1, "at most the one whose confirm was cut off comes twice"
    eventually(lambda: consumer.connected and camera.connected, within=30)
    camera.publish_latest("view", frame("front", b"after"))
    eventually(lambda: received.bodies == [b"after"])


def test_an_orderly_restart_of_the_broker_is_survived_and_counts_as_closed(clients: BrokerClients, broker: RunningBroker) -> None:
    received = Received()
    consumer = clients.consumer("monitor", newest("front", received))
    publisher = clients.publisher(CAMERA)
    eventually(lambda: consumer.connected and publisher.connected)

    broker.node.ctl("stop_app")
    eventually(lambda: not consumer.connected and not publisher.connected)
    broker.node.ctl("start_app")

    eventually(lambda: consumer.connected and publisher.connected, within=60)
    publisher.publish_latest("view", frame("front", b"after"))
    eventually(lambda: received.bodies == [b"after"])
    assert "closed" in clients.losses("consume")


def test_a_memory_alarm_stops_frames_and_holds_events_back_until_it_is_over(clients: BrokerClients, broker: RunningBroker) -> None:
    received = Received()
    consumer = clients.consumer("monitor", newest("front", received))
    camera, security = clients.publisher(CAMERA), clients.publisher("security")
    eventually(lambda: consumer.connected and camera.connected and security.connected)
    broker.node.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        eventually(lambda: _is_blocked(camera), within=20)
        for number in range(3):
            security.publish_durable(event(number))
        eventually(lambda: security.blocked)  # though it waits for a confirm at that moment
        clients.dropped.clear()
        for number in range(5):
            camera.publish_latest("view", frame("front", b"%d" % number))
        assert {why for _, why in clients.dropped} == {"blocked"}
        assert len(clients.dropped) >= 4
        assert clients.value("seccam_broker_blocked") == 1
        assert clients.value("seccam_events_unconfirmed") == 3
        time.sleep(1.0)  # no turn of theirs may take longer
        eventually(lambda: max(camera.heartbeat.age(), security.heartbeat.age()) < 1.0, within=5)
        assert consumer.connected
        began = time.monotonic()
        clients.publisher(CAMERA).stop(3)
        assert time.monotonic() - began < 4
    finally:
        broker.node.ctl("set_vm_memory_high_watermark", "absolute", "512MB")

    eventually(lambda: security.oldest_unconfirmed() == 0 and not camera.blocked, within=20)
    assert waiting_events(broker) == [event(n).message_id for n in range(3)]
    assert clients.losses("publish") == {}
    eventually(lambda: _got_through(clients, camera))


def _is_blocked(camera: Publisher) -> bool:
    """The broker says so on the first frame after the alarm."""
    camera.publish_latest("view", frame("front", b"0"))
    return camera.blocked


def _got_through(clients: BrokerClients, camera: Publisher) -> bool:
    clients.sent.clear()
    camera.publish_latest("view", frame("front", b"after"))
    time.sleep(0.02)
    return [m.body for m in clients.sent] == [b"after"]


def test_a_publisher_stops_in_time_under_an_alarm_with_an_event_unconfirmed(clients: BrokerClients, broker: RunningBroker) -> None:
    security = clients.publisher("security")
    eventually(lambda: security.connected)
    broker.node.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        security.publish_durable(event(1))
        eventually(lambda: security.blocked)
        began = time.monotonic()

        security.stop(3)

        assert time.monotonic() - began < 5
        assert clients.value("seccam_events_lost_total", reason="shutdown") == 1
        eventually(lambda: not security.is_alive(), within=5, what="the thread is gone")
    finally:
        broker.node.ctl("set_vm_memory_high_watermark", "absolute", "512MB")


def test_a_broker_that_hangs_is_noticed_and_used_again_when_it_goes_on(
    clients: BrokerClients, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGSTOP: connections are still taken, by the kernel, and nobody answers."""
    monkeypatch.setattr("seccam.broker.connection.HEARTBEAT", 1)
    monkeypatch.setattr("seccam.broker.connection.CONNECT_TIMEOUT", 1)
    received = Received()
    consumer = clients.consumer("monitor", newest("front", received))
    publisher = clients.publisher("security")
    eventually(lambda: consumer.connected and publisher.connected)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        publisher.publish_durable(event(1))
        eventually(lambda: clients.losses("consume").get("network", 0) >= 1, within=30, what="an attempt to connect has failed")
        eventually(lambda: clients.losses("publish").get("network", 0) >= 1, within=30)
        assert clients.losses("consume")["heartbeat"] == 1
        assert consumer.is_alive()
        assert publisher.is_alive()
        assert max(consumer.heartbeat.age(), publisher.heartbeat.age()) < 5
    finally:
        os.kill(broker.pid, signal.SIGCONT)

    eventually(lambda: consumer.connected and publisher.oldest_unconfirmed() == 0, within=30)
    assert set(waiting_events(broker)) == {event(1).message_id}


def test_a_link_stops_in_time_while_a_broker_takes_its_connection_and_says_nothing(clients: BrokerClients) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publisher = clients.publisher(CAMERA, settings=BrokerSettings(url=f"amqp://127.0.0.1:{silent.getsockname()[1]}/"))
        time.sleep(0.2)  # it is in the middle of connecting
        began = time.monotonic()

        publisher.stop(2)

        assert time.monotonic() - began < 4

"""Publishing through a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from seccam import topology
from seccam.broker import Delivery, Message, Subscription, connect
from seccam.errors import BrokerError
from seccam.settings import BrokerSettings
from tests.broker_clients import BrokerClients, Received, clients_of, event, frame, newest, proxy_to, through, waiting_events
from tests.brokers import CAMERA, RunningBroker, free_port
from tests.waiting import eventually


@pytest.fixture
def clients(broker: RunningBroker) -> Iterator[BrokerClients]:
    with clients_of(broker) as clients:
        yield clients


def test_a_frame_reaches_a_viewer_with_its_headers(clients: BrokerClients) -> None:
    received = Received()
    consumer = clients.consumer("monitor", newest("front", received))
    publisher = clients.publisher(CAMERA)
    eventually(lambda: consumer.connected and publisher.connected)

    publisher.publish_latest("view", frame("front", b"picture", headers={"seq": 7, "ts_ms": 1_700_000_000_123, "camera": "front"}))

    eventually(lambda: received.deliveries)
    delivery = received.deliveries[0]
    assert (delivery.key, delivery.body, delivery.content_type) == ("seccam.view.front", b"picture", "image/jpeg")
    assert delivery.headers == {"seq": 7, "ts_ms": 1_700_000_000_123, "camera": "front"}
    assert [m.body for m in clients.sent] == [b"picture"]
    assert not clients.dropped


def test_a_viewer_that_takes_its_time_gets_the_newest_frame(clients: BrokerClients, broker: RunningBroker) -> None:
    taken: list[Delivery] = []
    arrived: list[bytes] = []
    consumer = clients.consumer("monitor", newest("front", taken.append))
    every = Subscription(lambda delivery: arrived.append(delivery.body), keys=("seccam.view.front",), prefetch=100)
    beside = clients.consumer("monitor", every)
    publisher = clients.publisher(CAMERA)
    eventually(lambda: consumer.connected and beside.connected and publisher.connected)
    for number in range(50):
        publisher.publish_latest(f"slot {number}", frame("front", b"%d" % number))
    eventually(lambda: b"49" in arrived and taken)  # the broker has it for the one beside, and so for both
    first = int(taken[0].body)

    taken[0].ack()

    eventually(lambda: len(taken) == 2)
    assert int(taken[1].body) == 49 > first


def test_what_waits_in_a_slot_is_replaced_and_counted_while_there_is_no_broker(clients: BrokerClients) -> None:
    publisher = clients.publisher(CAMERA, settings=BrokerSettings(url=f"amqp://127.0.0.1:{free_port()}/"))
    eventually(lambda: clients.losses("publish"))

    for number in range(5):
        publisher.publish_latest("view", frame("front", b"%d" % number))

    assert [(m.body, why) for m, why in clients.dropped] == [(b"%d" % n, "disconnected") for n in range(4)]
    assert clients.losses("publish").keys() == {"refused"}
    assert "refused for" in publisher.trouble()["broker"]


def test_a_frame_kept_back_by_an_outage_is_not_sent_when_it_is_over(
    clients: BrokerClients, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seccam.broker.publisher.TRANSIENT_SECONDS", 0.2)
    with proxy_to(broker) as proxy:
        publisher = clients.publisher(CAMERA, settings=through(proxy, broker, CAMERA))
        eventually(lambda: publisher.connected)
        proxy.shut()
        eventually(lambda: not publisher.connected)
        publisher.publish_latest("view", frame("front", b"old"))
        time.sleep(0.25)  # it is its age that this is about
        proxy.open()
        eventually(lambda: clients.dropped)
        monkeypatch.undo()  # the next one may take its time

        publisher.publish_latest("security", frame("front", b"new", flow=topology.SECURITY))

        eventually(lambda: clients.sent)
        assert [m.body for m in clients.sent] == [b"new"]
        assert [(m.body, why) for m, why in clients.dropped] == [(b"old", "disconnected")]


def test_a_slot_that_is_filled_without_end_starves_no_other(clients: BrokerClients) -> None:
    publisher = clients.publisher(CAMERA)
    eventually(lambda: publisher.connected)
    publisher.publish_latest("status", frame("front", b"status", flow=topology.STATUS))

    def sent_amid_a_flood() -> bool:
        for number in range(20):
            publisher.publish_latest("view", frame("front", b"%d" % number))
        return any(m.body == b"status" for m in clients.sent)

    eventually(sent_amid_a_flood, every=0)


def test_durable_messages_are_confirmed_in_order_and_once(clients: BrokerClients, broker: RunningBroker) -> None:
    publisher = clients.publisher("security")
    ids = [event(n).message_id for n in range(100)]

    for number in range(100):
        assert publisher.publish_durable(event(number))

    eventually(lambda: publisher.oldest_unconfirmed() == 0)
    assert waiting_events(broker) == ids
    assert clients.value("seccam_events_published_total", type="face", outcome="confirmed") == 100
    assert clients.value("seccam_events_unconfirmed") == 0
    assert clients.value("seccam_event_confirm_seconds_count") == 100


def test_a_durable_message_beyond_the_limit_is_refused_and_counted(clients: BrokerClients) -> None:
    nowhere = BrokerSettings(url=f"amqp://127.0.0.1:{free_port()}/")
    publisher = clients.publisher("security", settings=nowhere, outbox_limit=2)

    assert [bool(publisher.publish_durable(event(n))) for n in range(3)] == [True, True, False]

    assert clients.value("seccam_events_lost_total", reason="buffer_full") == 1
    assert clients.value("seccam_events_unconfirmed") == 2
    assert publisher.oldest_unconfirmed() > 0


def test_what_was_not_confirmed_at_the_end_is_counted_as_lost(clients: BrokerClients) -> None:
    publisher = clients.publisher("security", settings=BrokerSettings(url=f"amqp://127.0.0.1:{free_port()}/"))
    publisher.publish_durable(event(1))
    began = time.monotonic()

    publisher.stop(1.5)

    assert time.monotonic() - began < 4
    assert clients.value("seccam_events_lost_total", reason="shutdown") == 1


def test_stopping_sends_what_is_owed_first(clients: BrokerClients, broker: RunningBroker) -> None:
    publisher = clients.publisher("security")
    eventually(lambda: publisher.connected)
    for number in range(20):
        publisher.publish_durable(event(number))
    publisher.publish_latest("faces", frame("front", b"last", flow=topology.FACES))

    publisher.stop(10)

    assert len(waiting_events(broker)) == 20
    assert [m.body for m in clients.sent] == [b"last"]
    assert clients.value("seccam_events_lost_total", reason="shutdown") == 0
    assert clients.losses("publish") == {}
    assert clients.value("seccam_broker_connected", direction="publish") == 0


def test_an_unroutable_event_is_kept_until_there_is_a_queue_and_frames_go_on(clients: BrokerClients, broker: RunningBroker) -> None:
    with broker.connection() as connection:
        connection.channel().queue_unbind(topology.EVENTS_QUEUE, topology.EVENTS_EXCHANGE, "seccam.events.*")
    publisher = clients.publisher("security")
    publisher.publish_durable(event(1))
    eventually(lambda: clients.value("seccam_events_published_total", type="face", outcome="returned") >= 1)

    frames = [b"boxes %d" % number for number in range(20)]

    def all_sent() -> bool:
        missing = set(frames) - {message.body for message in clients.sent}
        for body in missing:  # again, where one grew too old in its slot
            publisher.publish_latest(body.decode(), frame("front", body, flow=topology.FACES))
        return not missing

    eventually(all_sent, every=0.5, what="frames sent while an event waits")
    assert clients.value("seccam_events_unconfirmed") == 1
    broker.empty()  # it binds the queues again

    eventually(lambda: publisher.oldest_unconfirmed() == 0, within=20)
    assert waiting_events(broker) == [event(1).message_id]


def test_a_full_events_queue_refuses_and_nothing_is_lost(clients: BrokerClients, broker: RunningBroker) -> None:
    broker.node.ctl(
        "set_policy",
        "--apply-to",
        "queues",
        "--priority",
        "9",
        "tiny",
        "^seccam\\.events$",
        '{"max-length":1,"overflow":"reject-publish"}',
    )
    published: list[Message] = []
    try:
        publisher = clients.publisher("security")

        def is_full() -> bool:  # the broker notices a little later
            published.append(event(len(published)))
            publisher.publish_durable(published[-1])
            return clients.value("seccam_events_published_total", type="face", outcome="refused") >= 1

        eventually(is_full, every=0.1)
        assert clients.value("seccam_events_unconfirmed") > 0
    finally:
        broker.node.ctl("clear_policy", "tiny")

    eventually(lambda: publisher.oldest_unconfirmed() == 0, within=30)
    assert set(waiting_events(broker)) == {one.message_id for one in published}


def test_a_message_to_a_queue_by_name_gets_there_and_its_confirm_can_be_awaited(
    clients: BrokerClients, broker: RunningBroker
) -> None:
    publisher = clients.publisher("notifier")

    receipt = publisher.publish_durable(to_queue(topology.PARKED_QUEUE, b"parked"))

    assert receipt is not None
    assert receipt.confirmed.wait(10)
    assert publisher.unconfirmed() == 0
    with broker.connection() as connection:
        _, properties, body = connection.channel().basic_get(topology.PARKED_QUEUE, auto_ack=True)
    assert (body, properties.delivery_mode) == (b"parked", 2)


def test_a_message_that_is_returned_does_not_hold_up_those_behind_it(clients: BrokerClients, broker: RunningBroker) -> None:
    publisher = clients.publisher("notifier")
    missing = "seccam.events.retry.10s"
    with broker.connection() as connection:
        connection.channel().queue_delete(missing)

    first = publisher.publish_durable(to_queue(missing, b"first"))
    others = [publisher.publish_durable(to_queue(topology.PARKED_QUEUE, b"%d" % n)) for n in range(20)]

    try:
        began = time.monotonic()
        assert all(receipt is not None and receipt.confirmed.wait(6) for receipt in others)
        assert time.monotonic() - began < 6, "before the connection is given up"
        assert first is not None
        assert not first.confirmed.is_set()
        assert publisher.unconfirmed() == 1
    finally:
        with broker.connection() as connection:
            connection.channel().queue_declare(missing, durable=True, arguments=topology.queues()[missing])
    assert first.confirmed.wait(20)
    with broker.connection() as connection:
        bodies = [connection.channel().basic_get(topology.PARKED_QUEUE, auto_ack=True)[2] for _ in range(20)]
    assert bodies == [b"%d" % n for n in range(20)]


@pytest.mark.parametrize("hung", [topology.PARKED_QUEUE, "seccam.events.retry.10s"])
def test_a_queue_that_does_not_answer_holds_up_no_other_and_gets_its_message_in_the_end(
    clients: BrokerClients, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch, hung: str
) -> None:
    monkeypatch.setattr("seccam.broker.publisher.CONFIRM_SECONDS", 8.0)
    publisher = clients.publisher("notifier")
    eventually(lambda: publisher.connected)
    with broker.hanging(hung):
        first = publisher.publish_durable(to_queue(hung, b"first"))
        others = [publisher.publish_durable(to_queue("seccam.events.retry.10m", b"%d" % n)) for n in range(30)]

        assert all(receipt is not None and receipt.confirmed.wait(10) for receipt in others)
        assert first is not None
        assert not first.confirmed.is_set()
        eventually(lambda: clients.losses("publish").get("unconfirmed", 0) >= 1)
        later = publisher.publish_durable(to_queue("seccam.events.retry.10m", b"later"))
        assert later is not None
        assert later.confirmed.wait(10)

    assert first.confirmed.wait(30)


@pytest.mark.parametrize("hung", [topology.EVENTS_LOG, topology.JOURNAL])
def test_an_event_is_confirmed_although_the_log_of_events_or_the_journal_hangs(
    clients: BrokerClients, broker: RunningBroker, hung: str
) -> None:
    publisher = clients.publisher("security")
    with broker.hanging(hung):
        for number in range(50):
            publisher.publish_durable(event(number))

        eventually(lambda: publisher.oldest_unconfirmed() == 0)

    assert waiting_events(broker) == [event(n).message_id for n in range(50)]


def test_an_event_is_not_confirmed_while_its_exchange_is_missing_and_frames_go_on(
    clients: BrokerClients, broker: RunningBroker
) -> None:
    publisher = clients.publisher("security")
    with broker.connection() as connection:
        connection.channel().exchange_delete(topology.EVENTS_EXCHANGE)
    publisher.publish_durable(event(1))
    eventually(lambda: clients.value("seccam_events_published_total", type="face", outcome="returned") >= 1)

    publisher.publish_latest("faces", frame("front", b"boxes", flow=topology.FACES))

    eventually(lambda: [m.body for m in clients.sent] == [b"boxes"])
    assert publisher.connected
    broker.empty()  # it declares the exchange again
    eventually(lambda: publisher.oldest_unconfirmed() == 0)
    assert waiting_events(broker) == [event(1).message_id]


def test_a_copy_of_each_confirmed_event_is_published_for_the_page(clients: BrokerClients) -> None:
    received = Received()
    copies = Subscription(received, queue=topology.EVENTS_LOG, consume=lambda: {"x-stream-offset": "first"}, prefetch=10)
    clients.consumer("monitor", copies)
    publisher = clients.publisher("security")
    for number in range(5):
        publisher.publish_durable(event(number))

    eventually(lambda: len(received.deliveries) == 5)

    assert received.bodies == [event(n).body for n in range(5)]
    assert all(delivery.headers["x-seccam-copy"] is True for delivery in received.deliveries)


def test_a_queue_that_stays_missing_is_logged_once(clients: BrokerClients) -> None:
    publisher = clients.publisher("notifier")

    with capture_logs() as lines:
        for n in range(3):
            publisher.publish_durable(to_queue("seccam.no-such-queue", b"%d" % n))
        eventually(lambda: publisher.oldest_unconfirmed() > 2.5, within=20)  # each was tried twice

    assert [line["to"] for line in lines if line["event"] == "message_refused"] == ["seccam.no-such-queue"]


@pytest.mark.parametrize(
    ("message_id", "headers"), [("\ud800", {}), ("x" * 256, {}), ("x", {"n": 2**64}), ("x", {"k" * 256: 1}), ("x", {"k": "\ud800"})]
)
def test_properties_that_amqp_can_not_hold_stop_neither_their_message_nor_the_next(
    clients: BrokerClients, broker: RunningBroker, message_id: str, headers: dict[str, Any]
) -> None:
    publisher = clients.publisher("notifier")

    odd = publisher.publish_durable(replace(to_queue(topology.PARKED_QUEUE, b"odd"), headers=headers, message_id=message_id))
    following = publisher.publish_durable(to_queue(topology.PARKED_QUEUE, b"following"))

    assert odd is not None
    assert odd.confirmed.wait(10)
    assert following is not None
    assert following.confirmed.wait(10)
    with broker.connection() as connection:
        _, properties, body = connection.channel().basic_get(topology.PARKED_QUEUE, auto_ack=True)
    assert (body, properties.message_id) == (b"odd", None)
    assert not {"n", "k"} & properties.headers.keys()


def test_two_publishers_of_one_process_have_series_of_their_own(clients: BrokerClients) -> None:
    one = clients.publisher("notifier")
    other = clients.publisher("notifier", direction="journal")
    eventually(lambda: one.connected and other.connected)

    one.stop(5)

    assert clients.value("seccam_broker_connected", direction="publish") == 0
    assert clients.value("seccam_broker_connected", direction="journal") == 1


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("amqp://camera-front:wrong@127.0.0.1:{port}/", "auth"),
        ("amqp://camera-front:{password}@127.0.0.1:{port}/nosuch", "auth"),
        ("amqp://127.0.0.1:{unused}/", "refused"),
        ("amqps://camera-front:{password}@127.0.0.1:{port}/", "tls"),
        ("amqp://no-such-host.invalid/", "network"),
    ],
)
def test_the_cause_of_a_failed_connection_is_told(broker: RunningBroker, url: str, cause: str) -> None:
    password = broker.node.passwords()[CAMERA]
    filled = url.format(port=broker.ports.amqp, unused=free_port(), password=password)

    with pytest.raises(BrokerError) as raised:
        connect(BrokerSettings(url=filled), "test")

    assert raised.value.cause == cause
    assert password not in str(raised.value)
    assert "wrong@" not in str(raised.value)


def test_a_wrong_password_is_tried_again_and_counted_as_auth(clients: BrokerClients, broker: RunningBroker) -> None:
    publisher = clients.publisher(CAMERA, settings=BrokerSettings(url=f"amqp://camera-front:wrong@127.0.0.1:{broker.ports.amqp}/"))

    eventually(lambda: clients.losses("publish").get("auth", 0) >= 2)

    assert not publisher.connected
    assert publisher.trouble()["broker"].startswith("auth for")


def to_queue(queue: str, body: bytes) -> Message:
    """A durable message to a queue by name."""
    return Message(queue, body, "application/json", exchange=topology.DEFAULT_EXCHANGE)


def test_a_user_without_the_right_to_publish_is_told_so(clients: BrokerClients) -> None:
    publisher = clients.publisher("monitor")
    eventually(lambda: publisher.connected)

    publisher.publish_latest("view", frame("front", b"not mine to send"))

    eventually(lambda: clients.losses("publish").get("auth"))

"""What the definitions make of a broker: rights, policies, dead letters, the log of events."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from seccam import topology
from seccam.broker import Subscription
from tests.broker_clients import Received, clients_of, event
from tests.brokers import CAMERA, CAMERAS, RunningBroker
from tests.waiting import eventually

Act = Callable[[BlockingChannel], object]


def publish(key: str, exchange: str = topology.EXCHANGE, **properties: Any) -> Act:
    def act(channel: BlockingChannel) -> None:
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, b"x", pika.BasicProperties(delivery_mode=2, **properties))

    return act


def declare(queue: str) -> Act:
    return lambda channel: channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})


def purge(queue: str) -> Act:
    return lambda channel: channel.queue_purge(queue)


def consume(queue: str) -> Act:
    def act(channel: BlockingChannel) -> None:
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(queue, lambda *_: None)

    return act


def own_queue(key: str = "") -> Act:
    def act(channel: BlockingChannel) -> None:
        queue = channel.queue_declare("", exclusive=True).method.queue
        if key:
            channel.queue_bind(queue, topology.EXCHANGE, key)
        channel.basic_consume(queue, lambda *_: None)

    return act


#: What each user is for; tests/attack has what it must not do.
JOBS: dict[str, dict[str, Act]] = {
    "camera-front": {
        "send pictures to view": publish("seccam.view.front"),
        "send pictures to judge": publish("seccam.security.front"),
        "tell its status": publish("seccam.status.front"),
    },
    "monitor": {
        "watch one camera": own_queue("seccam.view.front"),
        "watch all": own_queue("seccam.view.*"),
        "hear of status": own_queue("seccam.status.*"),
        "hear of faces": own_queue("seccam.faces.*"),
        "read the log of events": consume(topology.EVENTS_LOG),
        "tell of cameras": publish("seccam.events.front", topology.MONITORS_EXCHANGE),
        "copy events": publish("seccam.events.front", topology.COPIES_EXCHANGE),
        "read the notifier's journal": consume(topology.JOURNAL),
    },
    "security": {
        "take frames": consume(topology.SECURITY_QUEUE),
        "tell of faces": publish("seccam.faces.front"),
        "tell of events": publish("seccam.events.front", topology.EVENTS_EXCHANGE),
        "copy events": publish("seccam.events.front", topology.COPIES_EXCHANGE),
    },
    "notifier": {
        "take events": consume(topology.EVENTS_QUEUE),
        "read its journal": consume(topology.JOURNAL),
        "write its journal": publish(topology.JOURNAL, ""),
        "park": publish(topology.PARKED_QUEUE, ""),
        **{f"send to {name}": publish(name, "") for name in topology.RETRY_QUEUES},
    },
    "device": {"send pictures": publish("seccam.view.shed"), "send pictures to judge": publish("seccam.security.shed")},
    "operator": {
        "read what is parked": consume(topology.PARKED_QUEUE),
        "send it again": publish(topology.EVENTS_QUEUE, ""),
        "make a queue": declare(topology.PARKED_QUEUE),
        "purge a queue": purge(topology.PARKED_QUEUE),
    },
}


@contextmanager
def channel_of(broker: RunningBroker, user: str) -> Iterator[BlockingChannel]:
    with broker.connection(user) as connection:
        yield connection.channel()


@pytest.mark.parametrize(
    ("user", "act"), [pytest.param(user, act, id=f"{user}: {what}") for user, acts in JOBS.items() for what, act in acts.items()]
)
def test_each_user_can_do_its_job(broker: RunningBroker, user: str, act: Act) -> None:
    with channel_of(broker, user) as channel:
        act(channel)
        channel.connection.process_data_events(0.05)

        assert channel.is_open


def test_there_is_no_user_but_ours(broker: RunningBroker) -> None:
    users = {line.split("\t")[0] for line in broker.node.ctl("list_users", "-q", "--no-table-headers").splitlines()}

    assert users == set(topology.permissions(CAMERAS))


def policies_in_force(broker: RunningBroker, queues: Iterable[str]) -> dict[str, Any]:
    """RabbitMQ ignores a key that it doesn't know; the broker's own word counts."""
    definition = (
        'begin {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, N)), rabbit_policy:effective_definition(Q) end'
    )
    names = ", ".join(f'<<"{name}">>' for name in queues)
    told = broker.node.ctl(
        "eval", f'io:format("~s~n", [rabbit_json:encode(maps:from_list([{{N, maps:from_list({definition})}} || N <- [{names}]]))]).'
    )
    found: dict[str, Any] = json.loads(told.splitlines()[0])
    return found


def test_every_policy_is_in_force_on_its_queue(broker: RunningBroker) -> None:
    assert policies_in_force(broker, topology.queues()) == {
        name: topology.policies(len(CAMERAS))[name][1] for name in topology.queues()
    }


def test_an_event_goes_to_the_notifiers_queue_and_to_the_log(broker: RunningBroker) -> None:
    with clients_of(broker) as clients:
        publisher = clients.publisher("security")
        for number in range(3):
            publisher.publish_durable(event(number))
        eventually(lambda: publisher.oldest_unconfirmed() == 0)
        replayed = [Received(), Received()]
        for received in replayed:  # each reader has all of it: a stream is not emptied
            first = Subscription(received, queue=topology.EVENTS_LOG, consume=lambda: {"x-stream-offset": "first"}, prefetch=10)
            clients.consumer("monitor", first)

        eventually(lambda: all(len(r.deliveries) == 3 for r in replayed))
    assert [d.message_id for d in replayed[0].deliveries] == [event(n).message_id for n in range(3)]
    assert broker.depth(topology.EVENTS_QUEUE) == 3


def test_a_delayed_event_comes_back_with_its_id_headers_and_body(broker: RunningBroker) -> None:
    queue = "seccam.events.retry.10s"
    with broker.policy(queue, message_ttl=300), clients_of(broker) as clients:
        headers = {"x-seccam-attempt": 1, "text": "as it was"}
        with channel_of(broker, "notifier") as channel:
            publish(queue, "", message_id="front-a1-7", headers=headers, content_type="application/json")(channel)
        received = Received()
        clients.consumer("notifier", Subscription(received, queue=topology.EVENTS_QUEUE))

        eventually(lambda: received.deliveries)
    (delivery,) = received.deliveries
    assert (delivery.message_id, delivery.body, delivery.content_type) == ("front-a1-7", b"x", "application/json")
    assert {name: delivery.headers[name] for name in headers} == headers
    assert delivery.headers["x-first-death-reason"] == "expired"


def test_an_event_may_go_through_the_same_delay_many_times(broker: RunningBroker) -> None:
    """RabbitMQ drops a message that comes to a queue it died in, if it trusts the old x-death headers: they are not sent on."""
    queue = "seccam.events.retry.10s"
    rounds: list[int] = []
    with broker.policy(queue, message_ttl=100), channel_of(broker, "notifier") as channel:
        channel.basic_qos(prefetch_count=1)
        publish(queue, "", message_id="front-a1-7", headers={"x-seccam-attempt": 1})(channel)
        for method, properties, _ in channel.consume(topology.EVENTS_QUEUE, inactivity_timeout=10):
            assert method is not None, f"lost after {rounds}"
            rounds.append(properties.headers["x-seccam-attempt"])
            if len(rounds) == 4:
                break
            publish(queue, "", message_id="front-a1-7", headers={"x-seccam-attempt": rounds[-1] + 1})(channel)
            channel.basic_ack(method.delivery_tag)
    assert rounds == [1, 2, 3, 4]


def test_a_rejected_event_is_parked_with_its_id_and_headers(broker: RunningBroker) -> None:
    with channel_of(broker, "security") as channel:
        publish("seccam.events.front", topology.EVENTS_EXCHANGE, message_id="front-a1-7", headers={"camera": "front"})(channel)
    with channel_of(broker, "notifier") as channel:
        method, _, _ = next(channel.consume(topology.EVENTS_QUEUE, inactivity_timeout=10))
        channel.basic_nack(method.delivery_tag, requeue=False)
        channel.connection.process_data_events(0.05)
        channel.cancel()
    eventually(lambda: broker.depth(topology.PARKED_QUEUE) == 1)
    with channel_of(broker, "operator") as channel:
        _, properties, body = channel.basic_get(topology.PARKED_QUEUE, auto_ack=True)

    assert (properties.message_id, properties.headers["camera"], body) == ("front-a1-7", "front", b"x")


def test_frames_nobody_takes_are_gone_after_two_seconds(broker: RunningBroker) -> None:
    with channel_of(broker, CAMERA) as channel:

        def full() -> bool:
            for _ in range(topology.WORK_QUEUE_LEAST + 10):
                channel.basic_publish(topology.EXCHANGE, "seccam.security.front", b"x")
            return broker.depth(topology.SECURITY_QUEUE) == topology.WORK_QUEUE_LEAST

        eventually(full)

    eventually(lambda: broker.depth(topology.SECURITY_QUEUE) == 0, within=15)


def test_an_upgrade_locks_out_the_users_of_earlier_versions(broker: RunningBroker, tmp_path: Path) -> None:
    """The broker keeps users that are not in its definitions, and their rights."""
    ctl = broker.node.ctl
    ctl("add_user", "camera", "shared")
    ctl("set_permissions", "camera", "^$", r"^amq\.topic$", "^$")
    parameters = pika.URLParameters(f"amqp://camera:shared@127.0.0.1:{broker.ports.amqp}/")
    try:
        pika.BlockingConnection(parameters).close()
        upgraded = tmp_path / "definitions.json"
        upgraded.write_text(json.dumps(topology.definitions({"camera": "shared"}, cameras=CAMERAS)))
        ctl("import_definitions", str(upgraded))

        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            pika.BlockingConnection(parameters)
    finally:
        ctl("delete_user", "camera")


def test_a_viewers_queue_is_bounded_in_bytes_and_time_whatever_its_type(broker: RunningBroker) -> None:
    """Over AMQP a viewer may declare what the MQTT plugin declares for it, as a queue of another type, too."""
    names = {kind: f"mqtt-subscription-{kind}qos1" for kind in ("classic", "quorum", "stream")}
    try:
        with channel_of(broker, topology.VIEWER_USER) as channel:
            for kind, name in names.items():
                channel.queue_declare(name, durable=True, arguments={"x-queue-type": kind})
                channel.queue_bind(name, topology.EXCHANGE, "seccam.#")
        in_force = policies_in_force(broker, names.values())
        with channel_of(broker, CAMERA) as channel:

            def is_full() -> bool:  # before what was published expires
                for _ in range(20):
                    channel.basic_publish(topology.EXCHANGE, "seccam.view.front", bytes(1_000_000))
                return broker.depth(names["classic"]) == 8

            eventually(is_full)
    finally:
        with channel_of(broker, topology.VIEWER_USER) as channel:
            for name in names.values():
                channel.queue_delete(name)

    assert all(definition["max-length-bytes"] == 8 * 1024 * 1024 for definition in in_force.values())
    assert all("expires" in in_force[names[kind]] for kind in ("classic", "quorum"))
    assert in_force[names["stream"]]["max-age"] == "1m"


def test_a_camera_gets_so_many_connections_and_channels(broker: RunningBroker) -> None:
    rights = topology.permissions(CAMERAS)[CAMERA]
    with ExitStack() as held:
        first, *_ = [held.enter_context(broker.connection(CAMERA)) for _ in range(rights.connections)]
        with pytest.raises(pika.exceptions.ProbableAccessDeniedError, match="user connection limit"):
            broker.connection(CAMERA)
        for _ in range(rights.channels):
            first.channel()
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="maximum allowed user limit"):
            first.channel()
        with broker.connection(topology.camera_user("yard")):  # others are not affected
            pass


def test_the_number_of_queues_is_limited(broker: RunningBroker) -> None:
    limits = broker.node.ctl("list_vhost_limits", "-q")

    assert json.loads(limits[limits.index("{") :]) == {"max-queues": topology.MAX_QUEUES}


def test_a_message_has_two_mebibytes_at_most(broker: RunningBroker) -> None:
    with channel_of(broker, CAMERA) as channel:
        channel.confirm_delivery()
        channel.basic_publish(topology.EXCHANGE, "seccam.status.front", bytes(topology.MAX_MESSAGE_BYTES))

        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="larger than configured max size"):
            channel.basic_publish(topology.EXCHANGE, "seccam.status.front", bytes(topology.MAX_MESSAGE_BYTES + 1))


def log_bytes(broker: RunningBroker) -> int:
    """Size of the events log on disk."""
    total = 0
    for file in broker.node.folder.rglob("*.segment"):
        if "events_log" in file.parent.name:
            with contextlib.suppress(FileNotFoundError):  # the broker has just deleted it
                total += file.stat().st_size
    return total


def test_events_leave_the_log_after_their_time_when_three_more_have_come(broker: RunningBroker) -> None:
    """A stream deletes whole segments only: with those of 16 MiB, a quiet house kept faces for months."""
    definition = {**topology.policies()[topology.EVENTS_LOG][1], "max-age": "1s"}
    broker.node.ctl("set_policy", "--priority", "9", "shorter", r"^seccam\.events\.log$", json.dumps(definition))
    picture = bytes(43_000)
    try:
        with channel_of(broker, topology.OPERATOR_USER) as channel:
            channel.confirm_delivery()
            for _ in range(60):
                channel.basic_publish(topology.EXCHANGE, "seccam.events.front", picture)
            written = eventually(lambda: log_bytes(broker) > 60 * len(picture) and log_bytes(broker))
            time.sleep(1.5)  # their time is over

            for _ in range(4):
                channel.basic_publish(topology.EXCHANGE, "seccam.events.front", picture)
            eventually(lambda: log_bytes(broker) < 9 * len(picture), what=f"less than {written} bytes")
    finally:
        broker.node.ctl("clear_policy", "shorter")

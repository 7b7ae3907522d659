"""What each broker user may do over AMQP: every user, every action. Whatever the tables don't grant must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from seccam import topology
from seccam.broker.admin import BrokerAdmin
from seccam.command.broker import apply
from tests.attack.rights import CAMERAS_AND_STRANGER, FLOWS, READERS, STRANGER, TOPICS, USERS, writers
from tests.brokers import CAMERAS, RunningBroker

Act = Callable[[BlockingChannel], object]
#: Action -> what it does, and the users who may.
Actions = dict[str, tuple[Act, Collection[str]]]

NOBODY: Collection[str] = ()
#: What the broker answers where a queue is empty.
NOTHING = (None, None, None)
MONITOR, SECURITY, NOTIFIER = topology.MONITOR_USER, topology.SECURITY_USER, topology.NOTIFIER_USER
VIEWER, OPERATOR = topology.VIEWER_USER, topology.OPERATOR_USER

#: Queue -> who may read it beside the operator.
READ_QUEUES = {
    topology.SECURITY_QUEUE: {SECURITY},
    topology.EVENTS_QUEUE: {NOTIFIER},
    topology.EVENTS_LOG: {MONITOR},
    topology.JOURNAL: {NOTIFIER, MONITOR},
    topology.PARKED_QUEUE: set(),
    **{queue: set() for queue in topology.RETRY_QUEUES},
}
#: Name of a queue or exchange of one's own -> who may declare it.
OWN_NAMES = {
    "": {MONITOR},  # the broker names it amq.gen-…
    f"{topology.ROUTERS}.mine": {MONITOR, OPERATOR},
    "mqtt-subscription-mineqos1": {VIEWER},
    "seccam.mine": {OPERATOR},
    "mine": NOBODY,
    "amq.mine": NOBODY,
}
#: Exchange -> who may publish to it, under a topic that none of them has rights to if it has topics.
WRITE_EXCHANGES = {
    topology.DEFAULT_EXCHANGE: {NOTIFIER, OPERATOR},
    **dict.fromkeys(("amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.rabbitmq.trace"), NOBODY),
}
#: Exchange of events or commands -> who may publish to it beside the operator.
EVENT_WRITERS = {
    topology.EVENTS_EXCHANGE: {SECURITY},
    topology.MONITORS_EXCHANGE: {MONITOR},
    topology.COPIES_EXCHANGE: {SECURITY, MONITOR},
    topology.COMMANDS_EXCHANGE: {MONITOR},
}
ODD_TOPICS = ("other", "seccam", "seccam.view", "seccam.view.front.door", "seccam.view.Front", "seccam.view.*", "seccam.#", "#")
#: What is read of everything at once -> who may.
ODD_PATTERNS = {"#": NOBODY, "*.*.*": NOBODY, "seccam.#": {VIEWER}, "seccam.*.front": NOBODY, "*.view.*": NOBODY}


def test_the_tables_have_every_user_queue_and_flow() -> None:
    assert set(USERS) == topology.permissions(CAMERAS).keys()
    assert READ_QUEUES.keys() == topology.queues().keys()
    assert EVENT_WRITERS.keys() == topology.exchanges().keys()
    flows = {value for name, value in vars(topology).items() if name.isupper() and name in ("VIEW", "SECURITY", "STATUS", "FACES")}
    assert set(FLOWS) == flows | {topology.PRESENCE, topology.EVENTS}


def publish(exchange: str, key: str, **headers: Any) -> Act:
    def act(channel: BlockingChannel) -> None:
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, b"x", pika.BasicProperties(headers=headers))

    return act


def publishing() -> Actions:
    table: Actions = {}
    for flow in FLOWS:
        for camera in CAMERAS_AND_STRANGER:
            key = topology.key(flow, camera)
            table[f"publish {key}"] = publish(topology.EXCHANGE, key), writers(flow, camera) | {OPERATOR}
            worker = {SECURITY} if flow in (topology.EVENTS, topology.FACES, topology.PRESENCE) else set[str]()
            monitor = {MONITOR} if flow == topology.EVENTS else set[str]()
            for exchange, reporters in EVENT_WRITERS.items():
                table[f"publish {key} to {exchange}"] = publish(exchange, key), reporters & (worker | monitor) | {OPERATOR}
    for key, (user, exchange) in TOPICS.items():
        for other in (topology.EXCHANGE, *topology.exchanges()):
            # what a monitor may publish, it may publish to each of its exchanges; these pass on their own topics only
            may = user == MONITOR and MONITOR in EVENT_WRITERS.get(other, ())
            table[f"publish {key} to {other}"] = publish(other, key), {OPERATOR} | ({user} if may or other == exchange else set())
    for key in ODD_TOPICS:
        table[f"publish {key}"] = publish(topology.EXCHANGE, key), {OPERATOR}
    for exchange, users in WRITE_EXCHANGES.items():
        for queue in READ_QUEUES:
            table[f"publish to exchange {exchange!r} for {queue}"] = publish(exchange, queue), users
    return table


def consume(queue: str) -> Act:
    def act(channel: BlockingChannel) -> None:
        channel.basic_qos(prefetch_count=1)
        channel.basic_cancel(channel.basic_consume(queue, lambda *_: None))

    return act


def reading() -> Actions:
    table: Actions = {}
    for queue, users in READ_QUEUES.items():
        may = users | {OPERATOR}
        table[f"consume {queue}"] = consume(queue), may
        if topology.queues()[queue]["x-queue-type"] != "stream":  # which can only be consumed
            table[f"purge {queue}"] = lambda channel, queue=queue: channel.queue_purge(queue), may  # type: ignore[misc]
            table[f"get from {queue}"] = lambda channel, queue=queue: channel.basic_get(queue), may  # type: ignore[misc]
    return table


def declaring() -> Actions:
    table: Actions = {}
    for queue, arguments in topology.queues().items():
        declare = lambda channel, queue=queue, arguments=arguments: channel.queue_declare(queue, durable=True, arguments=arguments)  # noqa: E731
        table[f"declare {queue}"] = declare, {OPERATOR}
        table[f"delete {queue}"] = lambda channel, queue=queue: channel.queue_delete(queue), {OPERATOR}  # type: ignore[misc]
        for exchange in (topology.EXCHANGE, *topology.exchanges()):
            bind = lambda channel, queue=queue, exchange=exchange: channel.queue_bind(queue, exchange, "seccam.view.front")  # noqa: E731
            unbind = lambda channel, queue=queue, exchange=exchange: channel.queue_unbind(queue, exchange, "seccam.view.front")  # noqa: E731
            table[f"bind {queue} to {exchange}"] = bind, {OPERATOR}
            table[f"unbind {queue} from {exchange}"] = unbind, {OPERATOR}
    for name, users in OWN_NAMES.items():
        table[f"declare queue {name!r}"] = lambda channel, name=name: channel.queue_declare(name, exclusive=True), users  # type: ignore[misc]
        if name:
            exchange_ = lambda channel, name=name: channel.exchange_declare(name, "fanout", auto_delete=True)  # noqa: E731
            table[f"declare exchange {name!r}"] = exchange_, users
            table[f"delete exchange {name!r}"] = lambda channel, name=name: channel.exchange_delete(name), users  # type: ignore[misc]
    for exchange in (topology.EXCHANGE, *topology.exchanges()):
        may = {OPERATOR} if exchange.startswith("seccam.") else NOBODY
        table[f"delete exchange {exchange}"] = lambda channel, exchange=exchange: channel.exchange_delete(exchange), may  # type: ignore[misc]
    return table


def own_queue(name: str, **arguments: str) -> Act:
    def act(channel: BlockingChannel) -> None:
        if name:
            channel.queue_delete(name)
        channel.queue_delete(channel.queue_declare(name, exclusive=True, arguments=arguments).method.queue)

    return act


def binding() -> Actions:
    """What those may read, and where those may send, who may declare queues of their own."""
    table: Actions = {}
    names = {MONITOR: "", VIEWER: "mqtt-subscription-mineqos1", OPERATOR: "seccam.mine"}
    for user, name in names.items():
        patterns = {
            topology.key(flow, camera): readers for flow, readers in READERS.items() for camera in (*CAMERAS_AND_STRANGER, "*")
        }
        patterns |= {topology.COMMAND: set(), topology.every(topology.COMMAND): {VIEWER}, topology.MODE: {MONITOR, VIEWER}}
        for pattern, readers in (patterns | ODD_PATTERNS).items():
            may = {user} & ({*readers, OPERATOR})
            table[f"listen with {name!r} to {pattern}"] = listen(name, pattern), may
        for target in ("", topology.EXCHANGE, *topology.exchanges()):
            may = {user} & (EVENT_WRITERS.get(target, set()) | {OPERATOR})
            letters = own_queue(name, **{"x-dead-letter-exchange": target, "x-dead-letter-routing-key": topology.EVENTS_QUEUE})
            table[f"let {name!r} pass letters on to {target!r}"] = letters, may
    return table


def listen(name: str, pattern: str) -> Act:
    def act(channel: BlockingChannel) -> None:
        queue = channel.queue_declare(name, exclusive=True).method.queue
        channel.queue_bind(queue, topology.EXCHANGE, pattern)
        channel.queue_delete(queue)

    return act


def forwarding() -> Actions:
    """An exchange of the monitor's may read from topics, and pass on to the exchanges of events alone."""
    router = f"{topology.ROUTERS}.mine"

    def bind(destination: str, source: str) -> Act:
        def act(channel: BlockingChannel) -> None:
            channel.exchange_declare(router, "topic", auto_delete=True)
            channel.exchange_bind(destination, source, "seccam.view.front")

        return act

    def alternate(channel: BlockingChannel) -> None:
        channel.exchange_delete(router)
        channel.exchange_declare(router, "fanout", auto_delete=True, arguments={"alternate-exchange": topology.EXCHANGE})

    def frames_to_commands(channel: BlockingChannel) -> None:
        channel.exchange_bind(topology.COMMANDS_EXCHANGE, topology.EXCHANGE, "seccam.view.front")

    return {
        "route what is viewed to an exchange of one's own": (bind(router, topology.EXCHANGE), {MONITOR, OPERATOR}),
        "route an exchange of one's own to the topics": (bind(topology.EXCHANGE, router), {OPERATOR}),
        **{
            f"route an exchange of one's own to {exchange}": (bind(exchange, router), users & {MONITOR} | {OPERATOR})
            for exchange, users in EVENT_WRITERS.items()
        },
        **{f"route {exchange} to an exchange of one's own": (bind(router, exchange), {OPERATOR}) for exchange in EVENT_WRITERS},
        "route frames to the commands": (frames_to_commands, {MONITOR, OPERATOR}),
        "pass on to the topics what has no queue": (alternate, {OPERATOR}),
    }


GROUPS = {"publish": publishing, "read": reading, "declare": declaring, "bind": binding, "forward": forwarding}


@pytest.fixture
def intact(broker: RunningBroker) -> Iterator[RunningBroker]:
    """A broker whose queues and exchanges are there again afterwards: the operator may delete them."""
    yield broker
    with BrokerAdmin(broker.settings(OPERATOR), "test") as admin:
        apply(admin)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("user", USERS)
def test_a_user_may_do_what_the_tables_say_and_nothing_else(intact: RunningBroker, user: str, group: str) -> None:
    table = GROUPS[group]()
    with intact.connection(user) as connection:
        done = {name for name, (act, _) in table.items() if is_permitted(connection, act)}

    may = {name for name, (_, users) in table.items() if user in users}
    assert done - may == set(), "may do what it must not"
    assert may - done == set(), "may not do what it must"


def test_without_discovery_a_device_publishes_as_the_named_cameras_only(broker: RunningBroker, tmp_path: Path) -> None:
    named = topology.definitions(broker.node.passwords(), cameras=CAMERAS, mqtt_cameras=[STRANGER])
    definitions = tmp_path / "definitions.json"
    definitions.write_text(json.dumps(named))
    keys = [topology.key(flow, camera) for flow in FLOWS for camera in (*CAMERAS_AND_STRANGER, "garage")]
    try:
        broker.node.ctl("import_definitions", str(definitions))
        with broker.connection(topology.DEVICE_USER) as connection:
            done = {key for key in keys if is_permitted(connection, publish(topology.EXCHANGE, key))}
    finally:
        broker.node.ctl("import_definitions", str(broker.node.folder / "definitions.json"))

    assert done == {topology.key(flow, STRANGER) for flow in (topology.VIEW, topology.SECURITY)}


def test_what_a_monitor_routes_to_the_exchanges_of_events_passes_as_an_event_or_not_at_all(broker: RunningBroker) -> None:
    router = f"{topology.ROUTERS}.forge"
    keys = [topology.key(flow, "front") for flow in FLOWS] + [topology.key(topology.EVENTS, "yard"), "other"]
    with broker.connection(OPERATOR) as tap, broker.connection(MONITOR) as forger:
        listening = tap.channel()
        topics = listening.queue_declare("seccam.test", exclusive=True).method.queue
        listening.queue_bind(topics, topology.EXCHANGE, "#")
        forging = forger.channel()
        forging.confirm_delivery()
        forging.exchange_declare(router, "fanout", auto_delete=True)
        for exchange in (topology.MONITORS_EXCHANGE, topology.COPIES_EXCHANGE):
            forging.exchange_bind(exchange, router, "#")
        for key in keys:
            forging.basic_publish(router, key, b"forged")
        seen = [method.routing_key for method, _, _ in iter(lambda: listening.basic_get(topics, auto_ack=True), NOTHING)]

    assert seen == [topology.key(topology.EVENTS, "front"), topology.key(topology.EVENTS, "yard")]
    assert {queue: broker.depth(queue) for queue in (topology.EVENTS_QUEUE, topology.SECURITY_QUEUE)} == {
        topology.EVENTS_QUEUE: 2,
        topology.SECURITY_QUEUE: 0,
    }


def is_permitted(connection: pika.BlockingConnection, act: Act) -> bool:
    """Whether the broker refuses no right; that something is missing is no refusal."""
    channel = connection.channel()
    try:
        act(channel)
    except pika.exceptions.ChannelClosedByBroker as e:
        if e.reply_code in (404, 405):  # missing, or no queue of this type does this
            return True
        if e.reply_code == 403:
            return False
        raise
    with suppress(pika.exceptions.AMQPError):
        channel.close()
    return True


# who gets in at all


def admitted(broker: RunningBroker, logins: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those of the logins (user, password, vhost) that get in. The broker takes seconds to refuse one, so all come at once."""

    def enters(login: tuple[str, str, str]) -> bool:
        user, password, vhost = login
        credentials = pika.PlainCredentials(user, password)
        try:
            pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.ports.amqp, vhost, credentials)).close()
        except pika.exceptions.AMQPConnectionError:
            return False
        return True

    logins = list(logins)
    with ThreadPoolExecutor(16) as pool:
        return [login for login, entered in zip(logins, pool.map(enters, logins), strict=True) if entered]


def test_nobody_gets_in_without_the_right_password(broker: RunningBroker) -> None:
    passwords = broker.node.passwords()
    wrong = ("", "guest", "wrong", passwords[OPERATOR][:-1], passwords[OPERATOR] + "x")
    users = (*USERS, "guest", "anonymous", "camera", "mqtt", "admin", "")

    assert admitted(broker, [(user, password, "/") for user in users for password in wrong]) == []
    assert admitted(broker, [(user, passwords[other], "/") for user in USERS for other in USERS if user != other]) == []


def test_no_user_has_another_vhost(broker: RunningBroker) -> None:
    broker.node.ctl("add_vhost", "other")
    passwords = broker.node.passwords()
    try:
        assert admitted(broker, [(user, passwords[user], vhost) for user in USERS for vhost in ("other", "missing", "")]) == []
        assert len(admitted(broker, [(user, passwords[user], "/") for user in USERS])) == len(USERS)
    finally:
        broker.node.ctl("delete_vhost", "other")


@pytest.mark.parametrize("mechanism", ["ANONYMOUS", "EXTERNAL", "RABBIT-CR-DEMO"])
def test_no_other_way_to_log_in_is_taken(broker: RunningBroker, mechanism: str) -> None:
    """With pika's own credentials, under another name and with another answer."""
    credentials = pika.PlainCredentials("operator", "")
    credentials.TYPE = mechanism
    credentials.response_for = lambda start: (mechanism, b"operator")
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.ports.amqp, credentials=credentials))

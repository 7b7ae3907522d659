"""What each broker user may do over MQTT: every user, every topic. Whatever the tables don't grant must be refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from seccam import topology
from tests.attack.rights import CAMERAS_AND_STRANGER, FLOWS, TOPICS, USERS, writers
from tests.brokers import RunningBroker
from tests.waiting import eventually

OPERATOR, VIEWER, DEVICE = topology.OPERATOR_USER, topology.VIEWER_USER, topology.DEVICE_USER
WITHIN = 30.0
_NUMBERS = count()

ODD_TOPICS = ("other", "seccam", "seccam/view", "seccam/view/front/door", "seccam/view/Front", "/seccam/view/shed", "$SYS/broker")
#: Filters of everything at once, and whether a viewer may subscribe to them.
FILTERS = {
    "#": False,
    "+/+/+": False,
    "seccam/+/front": False,
    "$SYS/#": False,
    "+/view/front": False,
    "seccam/#": True,
    "seccam/mode": True,
    "seccam/command": False,
    **{f"{topology.topic(flow)}/{name}": True for flow in FLOWS for name in ("front", "+", "#")},
}


class Client:
    """An MQTT connection of a user."""

    def __init__(
        self, broker: RunningBroker, user: str, password: str, *, client_id: str = "", clean: bool = True, will: str = ""
    ) -> None:
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id or f"attack-{next(_NUMBERS)}", clean_session=clean, protocol=mqtt.MQTTv311
        )
        self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(3600)
        self._answered, self._ended = threading.Event(), threading.Event()
        self.accepted = False
        #: Payloads that came.
        self.received: list[bytes] = []
        self._granted: dict[int, bool] = {}
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _, __, message: self.received.append(bytes(message.payload))
        self._client.on_subscribe = lambda _, __, number, codes, ___: self._granted.update({number: not codes[0].is_failure})
        if will:
            self._client.will_set(will, b"forged", qos=1)
        self._client.connect("127.0.0.1", broker.ports.mqtt)
        self._client.loop_start()
        assert self._answered.wait(WITHIN)

    def _on_connect(self, _: object, __: object, ___: object, reason: ReasonCode, *____: object) -> None:
        self.accepted = not reason.is_failure
        self._answered.set()

    def _on_disconnect(self, *_: object) -> None:
        self._ended.set()
        self._answered.set()

    @property
    def ended(self) -> bool:
        """Whether the broker has closed the connection."""
        return self._ended.is_set()

    def may_publish(self, topic: str, payload: bytes = b"forged", *, retain: bool = False) -> bool:
        """Whether the broker takes a message; otherwise it closes the connection."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        return eventually(lambda: self.ended or sent.is_published(), within=WITHIN) and sent.is_published()

    def may_subscribe(self, topics: str) -> bool:
        """Whether the broker takes a subscription; otherwise it denies it or closes the connection."""
        code, number = self._client.subscribe(topics, qos=1)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or number is None:
            return False
        eventually(lambda: self.ended or number in self._granted, within=WITHIN)
        return self._granted.get(number, False)

    def cut(self) -> None:
        """Break the connection, so that the broker publishes the will."""
        self._client._sock_close()

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def client(broker: RunningBroker, user: str, password: str | None = None, **options: object) -> Iterator[Client]:
    """A connection with the user's password, or another one."""
    made = Client(broker, user, broker.node.passwords()[user] if password is None else password, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


class Tap:
    """What reaches the topics, whatever its way."""

    def __init__(self, broker: RunningBroker) -> None:
        self._connection = broker.connection()
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("seccam.test", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, topology.EXCHANGE, "#")

    def until(self, last: bytes) -> list[str]:
        """The topics of what came before this message."""
        came: list[str] = []
        while True:
            method, _, body = eventually(lambda: (got := self._channel.basic_get(self._queue, auto_ack=True))[0] and got)
            if body == last:
                return came
            came.append(method.routing_key)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def tap(broker: RunningBroker) -> Iterator[Tap]:
    tap = Tap(broker)
    yield tap
    tap.close()


def each(broker: RunningBroker, user: str, attempts: list[str], act: str) -> set[str]:
    """Those of the attempts that succeed, each on a connection of its own."""

    def succeeds(topic: str) -> bool:
        with client(broker, user) as one:
            return bool(one.accepted and getattr(one, act)(topic))

    with ThreadPoolExecutor(8) as pool:
        return {topic for topic, succeeded in zip(attempts, pool.map(succeeds, attempts), strict=True) if succeeded}


@pytest.mark.parametrize("user", USERS)
def test_a_user_publishes_under_its_own_topics_and_no_others(broker: RunningBroker, tap: Tap, user: str) -> None:
    may = {
        topology.topic(topology.key(flow, camera)): user in writers(flow, camera) | {OPERATOR}
        for flow in FLOWS
        for camera in CAMERAS_AND_STRANGER
    }
    for key, (writer, exchange) in TOPICS.items():
        may[topology.topic(key)] = user == OPERATOR or (user == writer and exchange == topology.EXCHANGE)
    may |= dict.fromkeys(ODD_TOPICS, user == OPERATOR)

    done = each(broker, user, list(may), "may_publish")

    permitted = {topic for topic, mine in may.items() if mine}
    assert done == permitted
    with client(broker, OPERATOR) as last:
        assert last.may_publish("the/last", b"last")
    assert sorted(tap.until(b"last")) == sorted(topic.replace("/", ".") for topic in permitted)


@pytest.mark.parametrize("user", USERS)
def test_nobody_but_a_viewer_subscribes_and_a_viewer_not_to_everything(broker: RunningBroker, user: str) -> None:
    may = {topics for topics, viewed in FILTERS.items() if viewed and user == VIEWER}

    assert each(broker, user, list(FILTERS), "may_subscribe") == may


def test_nobody_gets_in_without_the_right_password(broker: RunningBroker) -> None:
    passwords = broker.node.passwords()
    logins = [(user, password) for user in (*USERS, "guest", "anonymous", "mqtt", "") for password in ("", "guest", "wrong")]
    logins += [(user, passwords[other]) for user in USERS for other in USERS if user != other]
    logins += [(f"other:{user}", passwords[user]) for user in USERS]  # a vhost, in RabbitMQ's notation

    def enters(login: tuple[str, str]) -> bool:
        with client(broker, *login) as one:
            return one.accepted

    with ThreadPoolExecutor(16) as pool:
        assert [login for login, entered in zip(logins, pool.map(enters, logins), strict=True) if entered] == []


def users_connected(broker: RunningBroker) -> list[str]:
    return broker.node.ctl("list_connections", "-q", "--no-table-headers", "user").split()


def test_a_last_will_reaches_nobody_where_its_sender_may_not_publish(broker: RunningBroker, tap: Tap) -> None:
    for will in ("seccam/view/front", "seccam/events/front", "seccam/status/shed"):
        with client(broker, DEVICE, will=will) as dying:
            dying.cut()
    with client(broker, DEVICE, will="seccam/view/shed") as dying:
        dying.cut()
        eventually(lambda: DEVICE not in users_connected(broker), within=WITHIN)
    with client(broker, OPERATOR) as last:
        assert last.may_publish("the/last", b"last")

    assert tap.until(b"last") == ["seccam.view.shed"]


def test_a_message_to_be_retained_is_not(broker: RunningBroker) -> None:
    with client(broker, DEVICE) as device, client(broker, VIEWER) as viewer:
        assert device.may_publish("seccam/view/shed", b"kept", retain=True)
        assert viewer.may_subscribe("seccam/view/shed")
        assert device.may_publish("seccam/view/shed", b"later")

        eventually(lambda: viewer.received)
        assert viewer.received == [b"later"]


def test_who_takes_over_the_session_of_a_viewer_gets_none_of_its_messages(broker: RunningBroker) -> None:
    """A client id in use throws out whoever has it: that is MQTT. What the session holds stays with those who may read it."""
    with client(broker, VIEWER, client_id="hall", clean=False) as viewer:
        assert viewer.may_subscribe("seccam/view/shed")
        with client(broker, DEVICE, client_id="hall", clean=False) as intruder, client(broker, DEVICE) as device:
            eventually(lambda: viewer.ended, within=WITHIN)
            assert device.may_publish("seccam/view/shed", b"a picture")
            assert not intruder.may_subscribe("seccam/view/shed")
            assert intruder.received == []

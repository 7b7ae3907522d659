"""An MQTT client is a viewer, or a camera under a new name: with Mosquitto's own clients. tests/attack has what it must not do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from seccam import topology
from tests.brokers import RunningBroker
from tests.integration.monitors import Sender, picture, running
from tests.integration.workers import WorkerProcess
from tests.scenes import jpeg, photo
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("mosquitto")


class Clients:
    """mosquitto_sub and mosquitto_pub on one broker."""

    def __init__(self, broker: RunningBroker) -> None:
        self._port, self._passwords = broker.ports.mqtt, broker.node.passwords()

    def login(self, user: str) -> list[str]:
        """The options of a user."""
        return ["-u", user, "-P", self._passwords[user]]

    def subscribe(
        self, topic: str, *, count: int = 1, seconds: int = 30, login: Sequence[str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Prints the payloads of so many messages and ends."""
        who = self.login(topology.VIEWER_USER) if login is None else login
        options = ["-N", "-t", topic, "-C", str(count), "-W", str(seconds), "-q", "1"]
        return subprocess.Popen(self._command("sub", who, options), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def publish(
        self, topic: str, payload: bytes, *options: str, login: Sequence[str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """QoS 1: it ends well once the broker has taken the message."""
        who = self.login(topology.DEVICE_USER) if login is None else login
        return subprocess.run(
            self._command("pub", who, ["-t", topic, "-s", "-q", "1", *options]),
            input=payload,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def _command(self, kind: str, who: Sequence[str], options: Sequence[str]) -> list[str]:
        return [f"mosquitto_{kind}", "-h", "127.0.0.1", "-p", str(self._port), *who, *options]


@pytest.fixture
def clients(broker: RunningBroker) -> Clients:
    return Clients(broker)


@pytest.fixture
def sender(broker: RunningBroker) -> Iterator[Sender]:
    """Publishes as the services do, by AMQP."""
    sender = Sender(broker)
    yield sender
    sender.close()


def test_what_a_camera_publishes_for_viewing_is_a_picture_by_mqtt(clients: Clients, sender: Sender) -> None:
    viewer = clients.subscribe("seccam/view/demo")

    def seen() -> bool:
        sender.view("demo", picture(100))
        return viewer.poll() is not None

    eventually(seen, within=30, every=0.1)
    assert viewer.communicate()[0] == picture(100)


def test_events_are_heard_by_mqtt(clients: Clients, sender: Sender) -> None:
    listener = clients.subscribe("seccam/events/#")
    numbers = iter(range(1000))

    def heard() -> bool:
        sender.event("front", next(numbers))
        return listener.poll() is not None

    eventually(heard, within=30, every=0.1)
    event = json.loads(listener.communicate()[0])
    assert (event["type"], event["data"]["camera"], event["data"]["faces"]) == ("seccam.face", "front", 2)


def test_a_bare_jpeg_for_viewing_is_shown_and_its_camera_listed(broker: RunningBroker, clients: Clients) -> None:
    with running(broker) as monitor:

        def shown() -> bool:
            clients.publish("seccam/view/garden", picture(60))
            return monitor.snapshot("garden") == picture(60)

        eventually(shown, within=30, every=0.2)
        assert [camera["name"] for camera in httpx.get(f"{monitor.base}/cameras", timeout=20).json()] == ["garden"]


def test_the_faces_in_a_bare_jpeg_for_security_are_counted(broker: RunningBroker, clients: Clients, tmp_path: Path) -> None:
    # reminders follow, because nobody may listen yet when the first event comes
    worker = WorkerProcess(broker, tmp_path, {"SECCAM_VISIT_REMINDER_SECONDS": "1"})
    try:
        eventually(worker.ready, within=60, every=0.2, what="worker ready")
        listener = clients.subscribe("seccam/events/garden")

        def announced() -> bool:
            assert clients.publish("seccam/security/garden", jpeg(photo("astronaut"))).returncode == 0
            return listener.poll() is not None

        eventually(announced, within=60, every=0.3)
        event = json.loads(listener.communicate()[0])
        assert (event["data"]["camera"], event["data"]["faces"]) == ("garden", 1)
        # what it lacks is given it by its receiver
        assert event["id"].startswith("garden-")
        assert event["data"]["frame"]["boot_id"]
    finally:
        worker.stop()


def test_a_message_has_two_mebibytes_at_most(broker: RunningBroker, clients: Clients) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.username_pw_set(topology.DEVICE_USER, broker.node.passwords()[topology.DEVICE_USER])
    client.connect("127.0.0.1", broker.ports.mqtt)
    client.loop_start()
    reader = clients.subscribe("seccam/view/shed", count=2, seconds=60)
    try:
        eventually(lambda: consumers(broker), within=30)
        largest = client.publish("seccam/view/shed", bytes(topology.MAX_MESSAGE_BYTES), qos=1)
        eventually(largest.is_published, within=30)
        larger = client.publish("seccam/view/shed", bytes(topology.MAX_MESSAGE_BYTES + topology.MQTT_HEADER_BYTES), qos=1)
        eventually(lambda: "is larger than" in broker_log(broker) or not client.is_connected(), within=30)
        assert clients.publish("seccam/view/shed", b"later").returncode == 0

        assert reader.communicate(timeout=60)[0] == bytes(topology.MAX_MESSAGE_BYTES) + b"later"
        assert not larger.is_published()
    finally:
        client.disconnect()
        client.loop_stop()


def broker_log(broker: RunningBroker) -> str:
    return (broker.node.folder / "broker.log").read_text()


def consumers(broker: RunningBroker) -> list[str]:
    """The queues of MQTT subscribers that are consumed."""
    rows = broker.node.ctl("list_consumers", "-q", "--no-table-headers", "queue_name").splitlines()
    return [row for row in rows if row.startswith("mqtt-subscription-")]

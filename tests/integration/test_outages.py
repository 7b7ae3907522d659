"""Cameras that die and return: a real broker, monitors, and camera processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from seccam import topology
from seccam.broker import Subscription
from seccam.message import CAMERA_OFFLINE, CAMERA_ONLINE, CameraEvent, decode_event
from tests.broker_clients import BrokerClients, Received, clients_of, proxy_to, through
from tests.brokers import RunningBroker
from tests.integration.cameras import PATIENCE, Audience, RunningCamera
from tests.integration.monitors import RunningMonitor, Sender, picture, running
from tests.waiting import eventually

#: The shortest away time, seconds.
AWAY = 3
Start = Callable[..., RunningCamera]


class Notified:
    """What monitors have reported of cameras, as it comes to the notifier."""

    def __init__(self, clients: BrokerClients) -> None:
        self._received = Received()
        consumer = clients.consumer(topology.NOTIFIER_USER, Subscription(self._received, queue=topology.EVENTS_QUEUE, prefetch=50))
        eventually(lambda: consumer.subscribed_once, within=PATIENCE)

    @property
    def events(self) -> list[CameraEvent]:
        """In order."""
        return [event for event in map(decode_event, self._received.bodies) if isinstance(event, CameraEvent)]

    def next_after(self, count: int) -> CameraEvent:
        """The event after so many."""
        eventually(lambda: len(self.events) > count, within=PATIENCE, what=f"event {count + 1} of {self.events}")
        return self.events[count]


@pytest.fixture
def clients(broker: RunningBroker) -> Iterator[BrokerClients]:
    with clients_of(broker) as clients:
        yield clients


@pytest.fixture
def notified(clients: BrokerClients) -> Notified:
    return Notified(clients)


@pytest.fixture
def camera(broker: RunningBroker, tmp_path: Path) -> Iterator[Start]:
    """Starts the camera `front`."""
    with ExitStack() as stack:

        def start(**settings: str) -> RunningCamera:
            one = RunningCamera(broker.url(topology.camera_user("front")), tmp_path, name="front", **settings)
            stack.callback(one.stop)
            eventually(lambda: one.metric("seccam_camera_frames_published_total", topic="view") > 0, within=PATIENCE)
            return one

        yield start


def is_shown(monitor: RunningMonitor) -> bool:
    return monitor.snapshot("front") is not None


def die_at_once(broker: RunningBroker, name: str) -> None:
    """A camera sends a status and a frame, and nothing more."""
    with closing(Sender(broker)) as sender:
        sender.status(name)
        sender.view(name, picture(1))


def is_blocked(monitor: RunningMonitor) -> bool:
    return monitor.metric("seccam_broker_blocked") == 1


def test_a_killed_camera_is_reported_once_under_the_id_of_its_last_frame_and_again_when_it_is_back(
    broker: RunningBroker, clients: BrokerClients, notified: Notified, camera: Start
) -> None:
    audience = Audience(clients)
    with running(broker, away_seconds=str(AWAY)) as monitor, running(broker, away_seconds=str(AWAY)) as replica:
        first = camera()
        eventually(lambda: is_shown(monitor) and is_shown(replica), within=PATIENCE)
        first.process.send_signal(signal.SIGKILL)
        offline = notified.next_after(0)
        last = audience.view.deliveries[-1].headers

        assert offline.type == CAMERA_OFFLINE
        assert offline.id == f"front-offline-{last['boot_id']}-{last['seq']}"
        assert offline.data.zone == last["zone"]
        eventually(lambda: monitor.metric("seccam_monitor_camera_offline", camera="front") == 1)
        confirmed = {"type": "camera_offline", "outcome": "confirmed"}
        eventually(lambda: any(m.metric("seccam_events_published_total", **confirmed) for m in (monitor, replica)))

        camera()
        eventually(lambda: CAMERA_ONLINE in {event.type for event in notified.events}, within=PATIENCE)
        eventually(lambda: monitor.metric("seccam_monitor_camera_offline", camera="front") == 0)

    # the notifier drops an event whose id it knows
    assert {event.id for event in notified.events} == {offline.id, offline.id.replace("offline", "online")}


def test_the_end_of_a_slot_is_not_reported(broker: RunningBroker, notified: Notified) -> None:
    with running(broker, away_seconds=str(AWAY)) as monitor, closing(Sender(broker)) as sender:
        die_at_once(broker, "front")
        eventually(lambda: is_shown(monitor))
        sender.status("front", "off", view_open=False)
        die_at_once(broker, "yard")

        assert notified.next_after(0).camera == "yard"  # it has died, and front has been silent for as long
    assert [event.camera for event in notified.events] == ["yard"]


def test_a_broker_that_restarts_makes_no_camera_offline(broker: RunningBroker, notified: Notified, camera: Start) -> None:
    with running(broker, away_seconds=str(AWAY)) as monitor:
        front = camera()
        eventually(lambda: is_shown(monitor), within=PATIENCE)
        broker.kill()
        eventually(lambda: monitor.metric("seccam_broker_connected", direction="consume") == 0, within=PATIENCE)
        broker.ensure_running()
        eventually(lambda: monitor.metric("seccam_broker_connected", direction="consume") == 1, within=PATIENCE)
        die_at_once(broker, "yard")

        assert notified.next_after(0).camera == "yard"
        front.process.send_signal(signal.SIGKILL)
        assert notified.next_after(1).camera == "front"
    assert [event.camera for event in notified.events] == ["yard", "front"]


def test_an_alarm_of_the_broker_makes_no_camera_offline(broker: RunningBroker, notified: Notified, camera: Start) -> None:
    with running(broker, away_seconds=str(AWAY)) as monitor:
        front = camera()
        eventually(lambda: is_shown(monitor), within=PATIENCE)
        broker.node.ctl("set_vm_memory_high_watermark", "absolute", "1")
        try:
            eventually(lambda: is_blocked(monitor), within=PATIENCE, what="the monitor asks the broker whether it takes messages")
        finally:
            broker.node.ctl("set_vm_memory_high_watermark", "absolute", "512MB")
        eventually(lambda: not is_blocked(monitor), within=PATIENCE)
        eventually(lambda: (monitor.camera("front") or {}).get("state") == "live", within=PATIENCE)
        die_at_once(broker, "yard")

        assert notified.next_after(0).camera == "yard"
    assert [event.camera for event in notified.events] == ["yard"]
    assert front.process.poll() is None


def test_a_monitor_whose_network_is_cut_makes_no_camera_offline(broker: RunningBroker, notified: Notified, camera: Start) -> None:
    """For half a minute its connections look open."""
    with proxy_to(broker) as proxy:
        url = through(proxy, broker, topology.MONITOR_USER).url.get_secret_value()
        monitor = RunningMonitor(url, away_seconds=str(AWAY), watched="front")
        try:
            camera()
            eventually(lambda: monitor.ready() and is_shown(monitor), within=PATIENCE)
            proxy.freeze()
            eventually(lambda: monitor.metric("seccam_events_unconfirmed") == 1, within=PATIENCE, what="a probe that waits")
            proxy.shut()
            eventually(lambda: monitor.metric("seccam_events_unconfirmed") == 0, within=PATIENCE, what="withdrawn")
            proxy.open()
            eventually(lambda: (monitor.camera("front") or {}).get("state") == "live", within=PATIENCE)
            die_at_once(broker, "yard")

            assert notified.next_after(0).camera == "yard"
        finally:
            monitor.stop()
    assert [event.camera for event in notified.events] == ["yard"]


def test_a_restarted_monitor_repeats_nothing_and_says_when_the_camera_is_back(
    broker: RunningBroker, notified: Notified, camera: Start
) -> None:
    with running(broker, away_seconds=str(AWAY)) as monitor:
        camera().process.send_signal(signal.SIGKILL)
        offline = notified.next_after(0)
        eventually(lambda: monitor.metric("seccam_monitor_camera_offline", camera="front") == 1)

    with running(broker, away_seconds=str(AWAY), watched="front,ghost") as monitor:
        never_came = notified.next_after(1)
        assert (never_came.camera, never_came.type, never_came.data.frame) == ("ghost", CAMERA_OFFLINE, None)
        eventually(lambda: monitor.metric("seccam_monitor_camera_offline", camera="front") == 1)
        camera()
        online = notified.next_after(2)

    assert (online.type, online.id) == (CAMERA_ONLINE, offline.id.replace("offline", "online"))
    assert len(notified.events) == 3


def test_an_unwatched_camera_without_a_status_may_be_silent(broker: RunningBroker, notified: Notified) -> None:
    with running(broker, away_seconds=str(AWAY)) as monitor, closing(Sender(broker)) as sender:
        sender.view("esp32", picture(2))
        eventually(lambda: monitor.snapshot("esp32"))
        die_at_once(broker, "front")

        assert notified.next_after(0).camera == "front"
    assert [event.camera for event in notified.events] == ["front"]

"""Real `seccam-security` processes on a real broker, with real pictures."""

from __future__ import annotations

import base64
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pika
import pytest
import simplejpeg
from paho.mqtt.enums import CallbackAPIVersion

from seccam import message, topology
from seccam_notifier.memory import JournalEntry, Memory
from seccam_security.sight import CLEAR_SECONDS
from tests.brokers import RunningBroker, free_port
from tests.integration.workers import PATIENCE, Lens, Start, WorkerProcess
from tests.scenes import backdrop, jpeg, noisy, photo, scene
from tests.unit.security.models import yunet_model
from tests.waiting import eventually

#: The types of the events of a camera itself that workers publish.
_STATES = (message.CAMERA_COVERED, message.CAMERA_FROZEN, message.CAMERA_CLEARED)


class Listener:
    """Hears everything in a queue, or on a binding key, from its creation on."""

    def __init__(self, broker: RunningBroker, queue: str = "", key: str = "") -> None:
        self._connection = broker.connection(topology.MONITOR_USER if key else topology.OPERATOR_USER)
        channel = self._connection.channel()
        if key:
            queue = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(queue, topology.EXCHANGE, key)
        self.bodies: list[bytes] = []
        self.properties: list[pika.BasicProperties] = []
        channel.basic_consume(queue, self._hear, auto_ack=True)

    def _hear(self, _: object, __: object, properties: pika.BasicProperties, body: bytes) -> None:
        self.bodies.append(body)
        self.properties.append(properties)

    def hear(self) -> int:
        """How many messages have come so far."""
        self._connection.process_data_events(0.01)
        return len(self.bodies)

    def events(self) -> list[message.FaceEvent]:
        """The face events so far."""
        return [message.FaceEvent.decode(body) for body in self.of_type(message.FACE)]

    def presences(self, kind: str) -> list[message.PresenceEvent]:
        """The presence events of one type so far."""
        return [message.PresenceEvent.decode(body) for body in self.of_type(kind)]

    def states(self) -> list[message.CameraEvent]:
        """The events of cameras themselves so far."""
        self.hear()
        return [message.CameraEvent.decode(body) for body in self.bodies if message.Event.decode(body).type in _STATES]

    def of_type(self, kind: str) -> list[bytes]:
        """The bodies of the events of one type so far."""
        self.hear()
        return [body for body in self.bodies if message.Event.decode(body).type == kind]

    def detections(self) -> list[message.Detection]:
        """The messages so far, as detections."""
        self.hear()
        return [message.Detection.decode(body) for body in self.bodies]

    def close(self) -> None:
        """Stop listening."""
        if self._connection.is_open:
            self._connection.close()


@pytest.fixture
def notifier(broker: RunningBroker) -> Iterator[Listener]:
    """Takes the events as the notifier would."""
    listener = Listener(broker, queue=topology.EVENTS_QUEUE)
    yield listener
    listener.close()


@pytest.fixture
def page(broker: RunningBroker) -> Iterator[Listener]:
    """Hears the detections as the monitor would."""
    listener = Listener(broker, key=topology.every(topology.FACES))
    yield listener
    listener.close()


FRAMES = "seccam_security_frames"


def took(worker: WorkerProcess, frames: int) -> bool:
    """Whether the worker is done with this many frames, one way or the other, and has accounted for each."""
    received = worker.metric(f"{FRAMES}_received_total")
    return received == frames == worker.metric(f"{FRAMES}_done_total") + worker.metric(f"{FRAMES}_dropped_total")


def judged_together(workers: list[WorkerProcess], frames: int) -> bool:
    """Whether the workers have judged this many frames between them."""
    return sum(worker.metric(f"{FRAMES}_done_total") for worker in workers) == frames


def test_a_face_becomes_an_event_with_its_picture_and_a_detection(
    lens: Lens, start: Start, notifier: Listener, page: Listener
) -> None:
    worker = start(worker="attic")
    lens.publish(jpeg(scene(("astronaut", 60, 300, 200))))

    [event] = eventually(notifier.events, within=PATIENCE)
    [detection] = eventually(page.detections, within=PATIENCE)

    properties = notifier.properties[0]
    assert (properties.message_id, properties.delivery_mode, properties.content_type) == (event.id, 2, "application/json")
    assert event.id == "front-0ddba11-1"
    data = event.data
    assert (data.faces, data.size, data.worker, data.frame.seq) == (1, (1280, 720), "attic", 1)
    [(x, y, w, h)] = data.boxes
    assert 300 < x < x + w < 500
    assert 200 < y < y + h < 400
    assert 0 <= data.ms["received"] <= data.ms["done"]
    assert abs(event.time.timestamp() - time.time()) < PATIENCE
    picture = base64.b64decode(data.snapshot or "")
    assert len(picture) <= message.MAX_SNAPSHOT
    assert simplejpeg.decode_jpeg(picture).shape == (720, 1280, 3)
    assert (detection.boxes, detection.scores, detection.size) == (data.boxes, data.scores, data.size)
    eventually(lambda: worker.metric("seccam_events_published_total", type="face", outcome="confirmed") == 1)
    eventually(lambda: worker.metric("seccam_security_reports_total", camera="front", report="visit") == 1)
    [reported] = eventually(lambda: worker.lines("faces_reported"))
    assert reported["event_id"] == event.id
    [confirmed] = eventually(lambda: worker.lines("event_confirmed"))
    assert confirmed["trace_id"] == reported["trace_id"] == (event.traceparent or "").split("-")[1]


def test_the_page_is_told_once_when_the_faces_are_gone(lens: Lens, start: Start, page: Listener) -> None:
    worker = start()
    for count, picture in enumerate([photo("astronaut"), photo("coffee"), photo("coffee"), photo("coffee")], 1):
        lens.publish(jpeg(picture))
        eventually(partial(took, worker, count), within=PATIENCE)

    eventually(lambda: page.hear() >= 2)
    assert [detection.faces for detection in page.detections()] == [1, 0]


def test_five_workers_share_the_frames_of_two_faces_and_their_reports_make_one_notification(
    lens: Lens, start: Start, notifier: Listener
) -> None:
    workers = [start(worker=f"worker{number}") for number in range(5)]
    walk = [jpeg(scene(("grace_hopper", 90, 900, 300), ("astronaut", 50, 40 + 16 * step, 150))) for step in range(40)]
    for count, body in enumerate(walk, 1):
        lens.publish(body, timed=False)  # on a busy machine workers may take longer than the 2 s that a frame is worth
        if count % 5 == 0:  # as many as workers, so that none waits in the queue until the broker drops it
            eventually(partial(judged_together, workers, count), within=PATIENCE)

    shares = [int(w.metric(f"{FRAMES}_done_total", outcome="analysed")) for w in workers]
    busy = [f"worker{number}" for number, share in enumerate(shares) if share]
    assert len(busy) > 1
    eventually(lambda: {event.data.worker for event in notifier.events()} == set(busy), within=PATIENCE)
    events = notifier.events()
    # each reports its first frame, and once more when a second frame agrees that there are two faces
    assert all(sum(event.data.worker == worker for event in events) <= 2 for worker in busy)
    assert {event.data.faces for event in events} == {2}
    memory, notified = Memory(60.0), []
    for event in events:
        if memory.judge(event, event.time, reminder=0) == "notify":
            memory.record(JournalEntry.of(event, "notified"))
            notified.append(event)
    assert len(notified) == 1


def test_a_face_that_stays_is_reported_once_its_presence_now_and_then_and_its_going_in_the_end(
    lens: Lens, start: Start, notifier: Listener
) -> None:
    worker = start(visit={"gap_seconds": "6"}, full_scan_interval_seconds="0.1")

    def stays() -> bool:
        lens.publish(jpeg(photo("astronaut")))
        return len(notifier.presences(message.FACE_PRESENT)) >= 4

    def gone() -> list[message.PresenceEvent]:
        last = notifier.presences(message.FACE_PRESENT)[-1].time
        return [one for one in notifier.presences(message.FACE_GONE) if one.time >= last]

    eventually(stays, within=PATIENCE, every=0.2)
    lens.publish(jpeg(photo("coffee")))
    [left] = eventually(gone, within=PATIENCE)

    [event] = notifier.events()
    present = notifier.presences(message.FACE_PRESENT)
    assert {event.data.visit_began, left.data.visit_began, *(one.data.visit_began for one in present)} == {event.time}
    assert present[-1].time > present[0].time > event.time
    assert worker.metric("seccam_security_reports_total", camera="front", report="visit") == 1


def test_who_comes_back_after_the_visit_gap_is_reported_again(lens: Lens, start: Start, notifier: Listener) -> None:
    start(visit={"gap_seconds": "1"}, full_scan_interval_seconds="0.1")
    for visits in (1, 2):
        lens.publish(jpeg(photo("astronaut")))
        eventually(lambda wanted=visits: len(notifier.events()) == wanted, within=PATIENCE)  # type: ignore[misc]
        ended = time.time() + 1.1
        eventually(lambda at=ended: time.time() > at, within=PATIENCE)  # type: ignore[misc]

    first, second = notifier.events()
    assert second.data.visit_began == second.time > first.time


def test_reminders_are_events_while_a_visit_lasts(lens: Lens, start: Start, notifier: Listener) -> None:
    start(visit={"gap_seconds": "30", "reminder_seconds": "1"}, full_scan_interval_seconds="0.1")

    def stays() -> bool:
        lens.publish(jpeg(photo("astronaut")))
        return len(notifier.events()) >= 3

    eventually(stays, within=PATIENCE, every=0.2)

    times = [event.time.timestamp() for event in notifier.events()]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 1
    assert all(event.data.snapshot for event in notifier.events())


def test_a_worker_that_stops_says_when_it_last_saw_a_face(lens: Lens, start: Start, notifier: Listener) -> None:
    worker = start(full_scan_interval_seconds="0.01")
    for count in (1, 2):
        lens.publish(jpeg(photo("astronaut")))
        eventually(partial(took, worker, count), within=PATIENCE)

    assert worker.stop() == 0

    [gone] = eventually(lambda: notifier.presences(message.FACE_GONE), within=PATIENCE)
    assert (gone.data.frame.seq, gone.data.faces) == (2, 1)


def test_bad_frames_are_dropped_and_counted_and_the_next_good_one_is_fine(lens: Lens, start: Start, notifier: Listener) -> None:
    worker = start()
    good = jpeg(photo("astronaut"))
    at = good.index(b"\xff\xc0") + 5
    bad = [
        b"no picture",
        b"",
        os.urandom(20_000),
        b"GIF89a" + bytes(100),
        good[: len(good) // 2],
        good[: len(good) // 2] + b"\xff\xd9",
        good[:at] + b"\xff\xff\xff\xff" + good[at + 4 :],
    ]
    with pika_channel(lens) as channel:
        for count, (key, body) in enumerate(
            [
                *(("seccam.security.front", body) for body in bad),
                ("seccam.security.No_Camera", good),
                ("seccam.security.-", good),
                ("seccam.security.front", good),
            ],
            1,
        ):
            channel.basic_publish(topology.EXCHANGE, key, body)
            eventually(partial(took, worker, count), within=PATIENCE)  # or the next one of its camera replaces it

    [event] = eventually(notifier.events, within=PATIENCE)

    assert event.data.faces == 1
    dropped = {
        reason: worker.metric(f"{FRAMES}_dropped_total", reason=reason) for reason in ("corrupt", "oversize", "unknown_camera")
    }
    assert dropped == {"corrupt": 6, "oversize": 1, "unknown_camera": 2}
    assert worker.process.poll() is None


@contextmanager
def pika_channel(lens: Lens) -> Iterator[Any]:
    """A channel of one who may publish to topics that name no camera."""
    with lens.broker.connection() as connection:
        yield connection.channel()


def test_a_frame_that_another_worker_died_of_is_dropped(
    broker: RunningBroker, lens: Lens, start: Start, notifier: Listener
) -> None:
    worker = start()
    with broker.connection() as dying:
        taken = []
        first = {"x-priority": 1}  # or the worker that lives may get the frame
        dying.channel().basic_consume(topology.SECURITY_QUEUE, lambda *message: taken.append(message), arguments=first)
        lens.publish(jpeg(photo("astronaut")))
        eventually(lambda: dying.process_data_events(0.05) or taken)
    eventually(lambda: took(worker, 1), within=PATIENCE)

    assert worker.metric(f"{FRAMES}_dropped_total", camera="front", reason="redelivered") == 1
    assert notifier.events() == []


def test_what_has_become_too_old_is_dropped(lens: Lens, start: Start, notifier: Listener) -> None:
    worker = start(max_age_seconds="0.5")

    def stale() -> float:
        return worker.metric(f"{FRAMES}_dropped_total", camera="front", reason="stale")

    lens.publish(jpeg(photo("coffee")))
    eventually(lambda: took(worker, 1), within=PATIENCE)
    before = stale()
    worker.process.send_signal(signal.SIGSTOP)
    lens.publish(jpeg(photo("astronaut")))
    time.sleep(1.0)  # the very time it takes to become too old
    worker.process.send_signal(signal.SIGCONT)
    eventually(lambda: took(worker, 2), within=PATIENCE)

    assert stale() == before + 1
    assert notifier.events() == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_camera_whose_clock_is_an_hour_off_is_watched_all_the_same(
    lens: Lens, start: Start, notifier: Listener, hours: int
) -> None:
    worker = start()
    for count in range(1, 4):
        lens.publish(jpeg(photo("astronaut")), ts_ms=round((time.time() + hours * 3600) * 1000))
        eventually(partial(took, worker, count), within=PATIENCE)

    [event] = eventually(notifier.events, within=PATIENCE)
    assert abs(event.time.timestamp() - time.time()) < PATIENCE
    assert worker.metric(f"{FRAMES}_dropped_total") == 0
    assert worker.metric("seccam_frames_from_future_total", camera="front") == (3 if hours > 0 else 0)


def test_a_bare_jpeg_from_an_mqtt_client_is_counted(broker: RunningBroker, start: Start, notifier: Listener) -> None:
    start()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(topology.DEVICE_USER, broker.node.passwords()[topology.DEVICE_USER])
    client.connect("127.0.0.1", broker.ports.mqtt)
    client.loop_start()
    try:
        client.publish("seccam/security/porch", jpeg(photo("astronaut")), qos=1).wait_for_publish(PATIENCE)
        [event] = eventually(notifier.events, within=PATIENCE)
    finally:
        client.disconnect()
        client.loop_stop()

    assert (event.data.camera, event.data.faces, event.data.frame.ts_ms) == ("porch", 1, None)
    assert event.id.startswith("porch-")


def told(events: list[message.CameraEvent]) -> list[str]:
    """What a notifier tells of these, in the order in which they came."""
    memory, kinds = Memory(60), list[str]()
    for event in events:
        news = memory.judge(event, datetime.now(UTC), reminder=0) == "notify"
        memory.record(JournalEntry.of(event, "notified" if news else "suppressed"))
        kinds += [event.type] if news else []
    return kinds


def covered(turn: int) -> bytes:
    """A picture of a lens with a cap on it."""
    return jpeg(noisy(np.full((360, 640, 3), 8, np.uint8), 3, seed=turn))


def clear(turn: int) -> bytes:
    """A picture of a still scene, with a sensor's noise."""
    return jpeg(noisy(backdrop(width=640, height=360), 3, seed=turn))


def show(lens: Lens, picture: Callable[[int], bytes], until: Callable[[], Any]) -> None:
    """Publish five such pictures a second until something has come of it."""
    turns = itertools.count()

    def shown() -> Any:
        lens.publish(picture(next(turns)))
        return until()

    eventually(shown, within=PATIENCE, every=0.2)


def test_a_covered_lens_is_told_once_and_so_is_the_end_of_it_though_two_workers_see_both(
    lens: Lens, start: Start, notifier: Listener
) -> None:
    workers = [start(covered_seconds="1", frozen_seconds="30") for _ in range(2)]
    show(lens, covered, lambda: len(notifier.states()) == 2)
    show(lens, clear, lambda: len(notifier.states()) == 4)
    last = lens.seq
    eventually(lambda: judged_together(workers, last), within=PATIENCE)
    ended = time.time() + 2  # the slot is over: no frames come
    eventually(lambda: time.time() > ended, within=PATIENCE)

    events = notifier.states()
    assert [event.type for event in events] == [message.CAMERA_COVERED] * 2 + [message.CAMERA_CLEARED] * 2
    assert told(events) == [message.CAMERA_COVERED, message.CAMERA_CLEARED]
    assert {event.data.frame.boot_id for event in events if event.data.frame} == {"0ddba11"}
    assert [event.data.initial for event in events] == [True, True, False, False]
    reports = "seccam_security_camera_reports_total"
    assert all(worker.metric(reports, camera="front", state="covered") == 1 for worker in workers)


def test_a_frozen_picture_is_told_once_though_the_worker_restarts(lens: Lens, start: Start, notifier: Listener) -> None:
    same = clear(0)
    for count in (1, 2):
        worker = start(covered_seconds="1", frozen_seconds="1")
        show(lens, lambda _: same, lambda wanted=count: len(notifier.states()) == wanted)  # type: ignore[misc]
        assert worker.stop() == 0

    assert [event.type for event in notifier.states()] == [message.CAMERA_FROZEN] * 2
    assert told(notifier.states()) == [message.CAMERA_FROZEN]


def test_a_worker_that_starts_while_a_camera_sees_tells_nothing(lens: Lens, start: Start, notifier: Listener) -> None:
    start(covered_seconds="1", frozen_seconds="1")
    began = time.time()
    show(lens, clear, notifier.states)

    assert time.time() - began >= CLEAR_SECONDS
    assert [(event.type, event.data.initial) for event in notifier.states()] == [(message.CAMERA_CLEARED, True)]
    assert told(notifier.states()) == []


@pytest.mark.parametrize(("named", "reports"), [("", 0), ("front,porch", 1)])
def test_a_camera_that_publishes_plain_jpegs_is_judged_only_where_it_is_named(
    broker: RunningBroker, start: Start, notifier: Listener, named: str, reports: int
) -> None:
    worker = start(covered_seconds="0.3", frozen_seconds="0.3", slow_cameras=named)
    with broker.connection() as connection:
        channel = connection.channel()
        for count in range(1, 6):
            channel.basic_publish(topology.EXCHANGE, "seccam.security.porch", covered(count))
            eventually(partial(took, worker, count), within=PATIENCE)
            later = time.time() + 0.2
            eventually(lambda at=later: time.time() > at, within=PATIENCE)  # type: ignore[misc]

    eventually(lambda: len(notifier.states()) == reports, within=PATIENCE)
    assert worker.metric("seccam_security_camera_reports_total", camera="porch", state="covered") == reports


def test_yunet_counts_too(lens: Lens, start: Start, notifier: Listener) -> None:
    worker = start(detector="yunet", yunet_model=yunet_model())
    lens.publish(jpeg(scene(("astronaut", 60, 300, 200), ("grace_hopper", 60, 700, 200))))

    [event] = eventually(notifier.events, within=PATIENCE)

    assert event.data.faces == 2
    assert worker.metric("seccam_security_detector_info", detector="yunet", model="yunet_n_320_320.onnx") == 1


def bound_again(broker: RunningBroker) -> bool:
    """False while the broker still recovers a stream."""
    with broker.connection() as connection:
        try:
            for exchange, queue, key in topology.bindings():
                connection.channel().queue_bind(queue, exchange, key)
        except pika.exceptions.ChannelClosedByBroker:
            return False
    return True


def test_an_event_outlives_the_broker_and_keeps_its_id(broker: RunningBroker, lens: Lens, start: Start) -> None:
    worker = start()
    with broker.connection() as connection:  # nobody to take it: mandatory, so it comes back
        connection.channel().queue_unbind(topology.EVENTS_QUEUE, topology.EVENTS_EXCHANGE, topology.every(topology.EVENTS))
    lens.publish(jpeg(photo("astronaut")))
    eventually(lambda: worker.metric("seccam_events_published_total", type="face", outcome="returned") >= 1, within=PATIENCE)
    lens.close()
    broker.kill()
    eventually(lambda: not worker.ready(), within=PATIENCE)
    broker.ensure_running()
    eventually(lambda: bound_again(broker), within=PATIENCE)
    listener = Listener(broker, queue=topology.EVENTS_QUEUE)

    [event] = eventually(listener.events, within=PATIENCE)

    listener.close()
    assert event.id == listener.properties[0].message_id == "front-0ddba11-1"
    eventually(worker.ready, within=PATIENCE)
    eventually(lambda: worker.metric("seccam_events_unconfirmed") == 0)
    assert worker.metric("seccam_events_lost_total") == 0


def test_an_event_outlives_its_worker_that_is_killed_before_the_broker_takes_it(
    broker: RunningBroker, lens: Lens, start: Start, tmp_path: Path
) -> None:
    spool = str(tmp_path / "spool")
    first = start(spool_folder=spool)
    binding = (topology.EVENTS_QUEUE, topology.EVENTS_EXCHANGE, topology.every(topology.EVENTS))
    with broker.connection() as connection:
        connection.channel().queue_unbind(*binding)
    lens.publish(jpeg(photo("astronaut")))
    eventually(lambda: first.metric("seccam_events_published_total", type="face", outcome="returned") >= 1, within=PATIENCE)
    first.process.kill()
    first.process.wait()
    with broker.connection() as connection:
        connection.channel().queue_bind(*binding)

    second = start(spool_folder=spool)

    listener = Listener(broker, queue=topology.EVENTS_QUEUE)
    [event] = eventually(listener.events, within=PATIENCE)
    listener.close()
    assert event.id == "front-0ddba11-1"
    eventually(lambda: second.metric("seccam_events_unconfirmed") == 0)


def test_probes_reach_the_notifier_s_queue(broker: RunningBroker, start: Start, notifier: Listener) -> None:
    start(probe_interval_seconds="1")

    eventually(lambda: len(notifier.of_type(message.PROBE)) >= 2, within=PATIENCE)


def test_sigterm_under_load_ends_it_with_nothing_owed(lens: Lens, start: Start, notifier: Listener) -> None:
    worker = start(full_scan_interval_seconds="0.01")
    body = jpeg(photo("astronaut"))

    def busy() -> bool:
        for _ in range(10):
            lens.publish(body)
        return worker.metric(f"{FRAMES}_done_total") >= 3

    eventually(busy, within=PATIENCE)
    began = time.monotonic()
    worker.process.terminate()

    assert worker.process.wait(20) == 0
    assert time.monotonic() - began < 10
    assert len(eventually(notifier.events)) == 1
    assert worker.lines("event_lost") == []
    assert worker.lines("stopped")


def test_without_a_broker_it_is_alive_but_not_ready_and_says_why(broker: RunningBroker, tmp_path: Path) -> None:
    url = f"amqp://security:secret-word@127.0.0.1:{free_port()}/"
    worker = WorkerProcess(broker, tmp_path, {"SECCAM_BROKER_URL": url})
    try:
        eventually(lambda: worker.lines("broker_lost"), within=PATIENCE)
        assert worker.get("/healthz") is not None
        assert not worker.ready()
    finally:
        assert worker.stop() == 0
    assert "secret-word" not in worker.log.read_text()


def test_wrong_settings_are_told_all_at_once_and_end_it_with_status_2(broker: RunningBroker, tmp_path: Path) -> None:
    settings = {"SECCAM_SECURITY_DETECTOR": "yunet", "SECCAM_SECURITY_MIN_SCORE": "7", "SECCAM_SECURITY_COOLDOWN": "9"}
    worker = WorkerProcess(broker, tmp_path, settings)

    assert worker.process.wait(PATIENCE) == 2
    said = worker.log.read_text()
    for name in ("SECCAM_SECURITY_YUNET_MODEL", "SECCAM_SECURITY_MIN_SCORE", "SECCAM_SECURITY_COOLDOWN:"):
        assert name in said


def test_a_file_that_is_no_model_ends_it_with_a_word(broker: RunningBroker, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_text("no model")
    worker = WorkerProcess(broker, tmp_path, {"SECCAM_SECURITY_DETECTOR": "yunet", "SECCAM_SECURITY_YUNET_MODEL": str(model)})

    assert worker.process.wait(PATIENCE) == 1
    [line] = worker.lines("detector_unusable")
    assert str(model) in line["error"]

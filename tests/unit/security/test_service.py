"""What the worker does with a delivery, without a broker."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from seccam.broker import Consumer, Delivery, Publisher
from seccam.frame import FrameDecoder
from seccam.metrics import BrokerMetrics, EventMetrics
from seccam.settings import BrokerSettings, VisitSettings
from seccam_security.analysis import Analyst
from seccam_security.detectors import LibFaceDetection
from seccam_security.metrics import DROPS, SecurityMetrics
from seccam_security.service import MOST_CAMERAS, Worker, live, ready
from seccam_security.settings import SecuritySettings
from tests.scenes import jpeg, photo

FACE, NO_FACE = jpeg(photo("astronaut")), jpeg(photo("coffee"))
BLACK = jpeg(np.full((360, 640, 3), 8, np.uint8))
TINY = jpeg(photo("coffee")[:16, :16])


@dataclass
class Handed:
    """A delivery as the broker's thread would hand it over."""

    body: bytes
    key: str = "seccam.security.front"
    headers: dict[str, Any] = field(default_factory=dict)
    redelivered: bool = False
    wall: float = field(default_factory=time.time)
    monotonic: float = field(default_factory=time.monotonic)
    acknowledged: bool = False

    def ack(self) -> None:
        self.acknowledged = True


class Bench:
    """A worker whose publisher is not connected, and keeps what it is given."""

    def __init__(self, outbox_limit: int = 100, full_scan_interval_seconds: float = 3) -> None:
        self.registry = CollectorRegistry()
        detector = LibFaceDetection()
        self.publisher = Publisher(
            BrokerSettings(),
            "test",
            BrokerMetrics(self.registry, ("publish",)),
            events=EventMetrics(self.registry),
            outbox_limit=outbox_limit,
        )
        analyst = Analyst(detector, full_scan_interval_seconds=full_scan_interval_seconds, full_scan_width=640)
        metrics = SecurityMetrics(self.registry, detector)
        self.worker = Worker(
            SecuritySettings(probe_interval_seconds=0),
            VisitSettings(),
            analyst,
            FrameDecoder("0ddba11"),
            publisher=self.publisher,
            metrics=metrics,
        )

    def give(self, *handed: Handed) -> None:
        for delivery in handed:
            self.worker.subscription().handle(cast(Delivery, delivery))
            self.worker.run_once()
            assert delivery.acknowledged

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def events(self) -> float:
        return self.count("seccam_events_unconfirmed")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_frame_with_a_face_is_acknowledged_once_its_event_is_kept(bench: Bench) -> None:
    bench.give(Handed(FACE))

    assert bench.events() == 1
    assert bench.count("seccam_security_reports_total", camera="front", report="visit") == 1


def test_a_frame_without_a_face_is_acknowledged_and_nothing_is_reported(bench: Bench) -> None:
    bench.give(Handed(NO_FACE))

    assert bench.events() == 0
    assert bench.count("seccam_security_frames_done_total", camera="front", outcome="analysed") == 1


def test_an_event_that_there_is_no_room_for_was_not_reported() -> None:
    bench = Bench(outbox_limit=1)
    bench.give(Handed(FACE, "seccam.security.front"), Handed(FACE, "seccam.security.yard"))

    assert bench.events() == 1
    assert bench.count("seccam_events_lost_total", reason="buffer_full") == 1
    assert bench.count("seccam_security_reports_total", camera="yard", report="visit") == 0


def black(seq: int, wall: float, key: str = "seccam.security.front") -> Handed:
    """A frame of a covered lens."""
    return Handed(BLACK, key, headers={"boot_id": "b00t", "seq": seq}, wall=wall)


def test_a_covered_lens_is_reported_again_while_there_is_no_room_for_the_event() -> None:
    bench, began = Bench(outbox_limit=1), time.time()
    bench.give(Handed(FACE, "seccam.security.yard"))  # takes the room
    bench.give(*(black(seq, began + seq) for seq in range(13)))

    assert bench.count("seccam_events_lost_total", reason="buffer_full") == 3
    assert bench.count("seccam_security_camera_reports_total", camera="front", state="covered") == 0


def test_a_covered_lens_is_reported_once() -> None:
    bench, began = Bench(), time.time()
    bench.give(*(black(seq, began + seq) for seq in range(30)))

    assert bench.events() == 1
    assert bench.count("seccam_security_camera_reports_total", camera="front", state="covered") == 1


def test_visits_go_by_when_the_pictures_were_taken_not_by_when_they_were_analysed() -> None:
    bench = Bench(full_scan_interval_seconds=1e-9)  # every picture is scanned whole
    began = time.time()
    reported = []
    for seconds in (0.0, 59.99, 60.0, 120.1):
        bench.give(Handed(FACE, wall=began + seconds))
        reported.append(bench.count("seccam_security_reports_total", camera="front", report="visit"))

    assert reported == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("handed", "camera", "reason"),
    [
        pytest.param(Handed(FACE, redelivered=True), "front", "redelivered", id="redelivered"),
        pytest.param(Handed(b"rubbish"), "front", "corrupt", id="corrupt"),
        pytest.param(Handed(bytes(3 * 1024 * 1024)), "front", "oversize", id="oversize"),
        pytest.param(Handed(FACE, "seccam.security.Front Door"), "other", "unknown_camera", id="unknown camera"),
        pytest.param(Handed(FACE, monotonic=time.monotonic() - 10), "front", "stale", id="waited too long in the worker"),
    ],
)
def test_what_is_dropped_is_counted_by_its_reason_and_acknowledged(bench: Bench, handed: Handed, camera: str, reason: str) -> None:
    bench.give(handed)

    dropped = {name: bench.count("seccam_security_frames_dropped_total", camera=camera, reason=name) for name in DROPS}
    assert dropped == {**dict.fromkeys(DROPS, 0), reason: 1}
    assert bench.count("seccam_security_frames_received_total", camera=camera) == 1
    assert bench.events() == 0


def test_a_frame_whose_analysis_fails_unexpectedly_is_dropped_and_the_next_one_analysed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError

    with monkeypatch.context() as patch:
        patch.setattr(LibFaceDetection, "find", fail)
        bench.give(Handed(FACE))
    bench.give(Handed(FACE))

    assert bench.count("seccam_security_frames_dropped_total", camera="front", reason="bug") == 1
    assert bench.events() == 1


def test_every_frame_received_is_done_or_dropped(bench: Bench) -> None:
    bench.give(Handed(NO_FACE), Handed(NO_FACE), Handed(b""), Handed(FACE), Handed(FACE, redelivered=True))

    done = sum(bench.count("seccam_security_frames_done_total", camera="front", outcome=name) for name in ("analysed", "still"))
    dropped = sum(bench.count("seccam_security_frames_dropped_total", camera="front", reason=name) for name in DROPS)
    assert (done, dropped) == (3, 2)
    assert bench.count("seccam_security_frames_received_total", camera="front") == 5


def test_any_number_of_cameras_takes_a_bounded_memory(bench: Bench) -> None:
    for number in range(MOST_CAMERAS + 20):
        bench.give(Handed(TINY, f"seccam.security.camera{number}"))

    assert len(bench.worker._watched) == MOST_CAMERAS
    cameras = {
        sample.labels["camera"] for metric in bench.registry.collect() for sample in metric.samples if "camera" in sample.labels
    }
    assert len(cameras) <= 65


def test_every_known_combination_of_labels_is_there_from_the_start(bench: Bench) -> None:
    for reason in DROPS:
        labels = {"camera": "other", "reason": reason}
        assert bench.registry.get_sample_value("seccam_security_frames_dropped_total", labels) == 0
    assert bench.registry.get_sample_value("seccam_security_step_seconds_count", {"step": "detect_moved"}) == 0
    assert bench.count("seccam_security_detector_info", detector="libfacedetection", model="built in") == 1


@pytest.mark.parametrize("thread", ["consumer", "publisher"])
def test_a_worker_with_a_thread_that_hangs_is_neither_live_nor_ready(bench: Bench, thread: str) -> None:
    consumer = Consumer(BrokerSettings(), "test", BrokerMetrics(CollectorRegistry(), ("consume",)), [])
    parts = bench.worker, consumer, bench.publisher
    assert live(*parts) == {}

    {"consumer": consumer, "publisher": bench.publisher}[thread].heartbeat.beat(-60.0)

    assert live(*parts) == {thread: "silent for 60 s"}
    assert ready(*parts)[thread] == "silent for 60 s"

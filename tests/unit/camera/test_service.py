"""What the camera does with pictures and slots."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from seccam import topology
from seccam.broker import Message
from seccam.frame import FrameDecoder
from seccam.message import Status
from seccam_camera.service import CameraService
from seccam_camera.settings import CameraSettings
from tests.unit.camera.pictures import without_tables
from tests.unit.camera.sources import JPEG, Script, metrics
from tests.waiting import eventually

#: More bytes than are passed on.
LARGE = JPEG[:2] + bytes(2**21) + b"\xff\xd9"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Camera:
    """A camera service with a scripted source, its messages kept."""

    def __init__(self, settings: CameraSettings) -> None:
        self.source, self.registry = Script(), CollectorRegistry()
        self.offered: list[tuple[str, Message]] = []
        made = metrics(self.registry)
        self.service = CameraService(settings, made, self.source.open, lambda slot, message: self.offered.append((slot, message)))
        self.now = NOON

    def turn(self) -> Camera:
        self.service.run_once(self.now, time.monotonic())
        return self

    def capture(self, data: bytes | Callable[[int], bytes] = JPEG) -> Camera:
        """Give a picture, and wait until the source's thread has it."""
        before = self.value("frames_captured_total")
        self.source.give(data)
        eventually(lambda: self.turn().value("frames_captured_total") > before)
        return self

    def frames(self, topic: str) -> list[Message]:
        return [message for slot, message in self.offered if slot == topic]

    def statuses(self) -> list[Status]:
        return [Status.decode(message.body) for slot, message in self.offered if slot == "status"]

    def value(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(f"seccam_camera_{name}", {"camera": "front", **labels})
        assert value is not None, name
        return value


MakeCamera = Callable[..., Camera]


@pytest.fixture
def camera() -> Iterator[MakeCamera]:
    made: list[Camera] = []

    def make(**settings: object) -> Camera:
        made.append(Camera(CameraSettings(name="front", zone="Europe/Berlin", **settings)))
        return made[-1]

    yield make
    for each in made:
        each.source.let_go.set()
        each.service._supervisor.close(within=5)


def test_one_picture_is_one_frame_for_both_topics(camera: MakeCamera) -> None:
    it = camera()
    it.turn()
    it.capture()
    eventually(lambda: it.frames("security"))

    (view,), (security,) = it.frames("view"), it.frames("security")
    assert view.key == "seccam.view.front"
    assert security.key == "seccam.security.front"
    assert view.body == security.body == JPEG
    assert view.headers == security.headers
    assert view.headers["zone"] == "Europe/Berlin"
    frame = FrameDecoder("other").decode(topology.VIEW, view.key, view.headers, view.body)
    assert (frame.camera, frame.seq, frame.width, frame.height) == ("front", 1, 64, 48)
    assert frame.ts_ms is not None
    assert abs(frame.ts_ms / 1000 - time.time()) < 60


def test_padding_after_the_end_marker_is_removed(camera: MakeCamera) -> None:
    it = camera()
    it.turn()
    it.capture(JPEG + bytes(10_000))

    assert eventually(lambda: it.frames("view"))[0].body == JPEG


def test_a_jpeg_without_huffman_tables_gets_them(camera: MakeCamera) -> None:
    it = camera()
    it.turn()
    it.capture(without_tables(JPEG))

    assert b"\xff\xc4" in eventually(lambda: it.frames("view"))[0].body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (JPEG[:-100], "corrupt"),
        (b"", "corrupt"),
        (b"GIF89a", "corrupt"),
        (LARGE, "oversize"),
    ],
)
def test_an_invalid_picture_is_counted_and_the_next_one_is_published(camera: MakeCamera, data: bytes, reason: str) -> None:
    it = camera(view_fps=60)
    it.turn()
    it.capture(data)
    eventually(lambda: it.value("frames_dropped_total", topic="view", reason=reason) == 1)
    assert it.value("frames_dropped_total", topic="security", reason=reason) == 1
    assert not it.frames("view")

    eventually(lambda: it.capture().frames("view"), every=0.05)


def test_a_source_with_only_invalid_pictures_is_away(camera: MakeCamera) -> None:
    it = camera(view_fps=60)
    it.turn()
    eventually(lambda: it.capture(b"GIF89a").turn().statuses()[-1].state == "away", within=30, every=0.05)

    why = it.statuses()[-1].why
    assert "not a JPEG" in why
    assert it.service.trouble() == {"frames": why}, "it isn't ready"
    assert it.value("up") == 0

    eventually(lambda: it.capture().turn().statuses()[-1].state == "live", within=30, every=0.05)
    assert it.service.trouble() == {}
    assert it.value("up") == 1


@pytest.mark.parametrize(
    ("source", "data", "remedy"),
    [
        ("http://cam/", LARGE, "; choose a smaller stream of the camera"),
        ("rtsp://cam/", lambda quality: LARGE, "; choose a smaller stream of the camera, or lower SECCAM_CAMERA_QUALITY"),
        ("/dev/video0", LARGE, "; lower SECCAM_CAMERA_WIDTH and SECCAM_CAMERA_HEIGHT"),
    ],
)
def test_pictures_that_are_too_large_are_reported_with_a_remedy(
    camera: MakeCamera, source: str, data: bytes | Callable[[int], bytes], remedy: str
) -> None:
    it = camera(source=source, view_fps=60)
    it.turn()
    eventually(lambda: it.capture(data).turn().statuses()[-1].state == "away", within=30, every=0.05)

    assert it.statuses()[-1].why.endswith(remedy)


def test_the_source_is_closed_outside_the_slots_and_the_status_says_until_when(camera: MakeCamera) -> None:
    it = camera(view_hours="Mo-Fr 08:00-14:00", security_hours="Mo-Fr 08:00-14:00")
    it.turn()
    it.capture()
    it.turn()
    assert it.statuses()[-1].state == "live"

    it.now = NOON.replace(hour=13)
    it.turn()

    last = it.statuses()[-1]
    assert last.state == "off"
    assert last.topics["view"].until == int(NOON.replace(day=24, hour=7).timestamp() * 1000)
    eventually(lambda: it.source.closed == 1)
    assert it.service.trouble() == {}
    assert it.value("schedule_open", topic="view") == 0

    it.now = NOON.replace(day=24, hour=7)
    it.turn()
    eventually(lambda: it.turn().source.opened == 2)
    assert it.statuses()[-1].state == "starting"


def test_each_topic_has_its_own_slot_and_the_source_is_open_during_either(camera: MakeCamera) -> None:
    it = camera(view_hours="off", security_hours="24/7")
    it.turn()
    it.capture()
    eventually(lambda: it.frames("security"))
    it.turn()

    assert not it.frames("view")
    last = it.statuses()[-1]
    assert (last.state, last.topics["view"].open, last.topics["security"].open) == ("live", False, True)


def test_a_clock_that_is_set_back_into_a_slot_reopens_the_source(camera: MakeCamera) -> None:
    it = camera(view_hours="08:00-14:00", security_hours="08:00-14:00")
    it.now = NOON.replace(hour=15)
    it.turn()
    assert it.source.opened == 0

    it.now = NOON
    eventually(lambda: it.turn().source.opened == 1)


def test_sent_and_dropped_frames_are_counted_by_topic(camera: MakeCamera) -> None:
    it = camera()
    it.turn()
    it.capture()
    message = eventually(lambda: it.frames("view"))[0]

    it.service.sent(message)
    it.service.dropped(message, "blocked")
    it.service.dropped(Message("seccam.status.front", b"{}", "application/json"), "replaced")

    assert it.value("frames_published_total", topic="view") == 1
    assert it.value("published_bytes_total", topic="view") == len(JPEG)
    assert it.value("frame_age_seconds_count", topic="view") == 1
    assert it.value("frames_dropped_total", topic="view", reason="blocked") == 1
    assert it.value("frames_dropped_total", topic="security", reason="blocked") == 0


def test_a_stop_before_the_first_turn_ends_the_service_cleanly(camera: MakeCamera) -> None:
    it, stop = camera(), threading.Event()
    stop.set()

    assert it.service.run(stop) == 0
    assert it.source.opened == 0


def test_a_camera_without_recent_frames_within_a_slot_is_not_ready(camera: MakeCamera) -> None:
    it = camera()
    it.turn()
    assert it.service.trouble() == {"frames": "none yet"}
    assert it.value("up") == 0

    it.capture()

    assert it.service.trouble() == {}
    assert it.value("up") == 1

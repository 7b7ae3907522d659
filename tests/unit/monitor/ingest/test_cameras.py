"""What is known of cameras, and their newest pictures."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.frame import Frame
from seccam.message import Status, TopicStatus
from seccam_monitor.ingest.cameras import FORGET_SECONDS, MAX_DISCOVERED, Camera, Cameras, Rate
from seccam_monitor.ingest.status import LastStatus
from seccam_monitor.viewers import protocol

JPEG = b"\xff\xd8\xff\xc0\x00\x0a\x08\x00\x10\x00\x10\x01\x00\x00\xff\xda\x00\x02\xff\xd9"
FRAME = Frame(camera="front", boot_id="b1", seq=1, jpeg=JPEG, width=16, height=16, ts_ms=1_000_000)


def camera() -> Camera:
    return Camera("front", 7, configured=True, now=0.0)


def closed(received: float = 0.0) -> LastStatus:
    view = TopicStatus(open=False, fps=15)
    return LastStatus(Status(camera="front", state="off", since=0, zone="UTC", topics={"view": view}, ts_ms=0), received)


def opened(received: float = 0.0) -> LastStatus:
    view = TopicStatus(open=True, fps=15)
    return LastStatus(Status(camera="front", state="live", since=0, zone="Asia/Tokyo", topics={"view": view}, ts_ms=0), received)


def test_a_pictures_capture_time_is_on_the_monitors_clock() -> None:
    picture, age = camera().take_frame(FRAME, wall=1000.2, monotonic=50.0)
    assert picture is not None
    assert picture.captured == pytest.approx(49.8)
    assert age.seconds == pytest.approx(0.2)
    assert (picture.flags, picture.camera, picture.sequence) == (0, 7, 1)


def test_a_picture_without_a_time_is_flagged_and_dated_by_its_arrival() -> None:
    picture, _ = camera().take_frame(dataclasses.replace(FRAME, ts_ms=None), wall=1000.2, monotonic=50.0)
    assert picture is not None
    assert (picture.captured, picture.flags) == (50.0, protocol.UNTIMED)


def test_a_picture_from_a_wrong_clock_is_flagged_and_its_time_estimated() -> None:
    picture, _ = camera().take_frame(FRAME, wall=4600.0, monotonic=50.0)
    assert picture is not None
    assert (picture.captured, picture.flags) == (50.0, protocol.ESTIMATED)


def test_a_frame_of_more_than_two_seconds_is_dropped_and_the_next_fresh_one_shown() -> None:
    front = camera()
    first, _ = front.take_frame(FRAME, wall=1000.1, monotonic=50.0)
    # the monitor hung for 30 s: what its sockets held
    for seq in range(2, 30):
        held = dataclasses.replace(FRAME, seq=seq, ts_ms=1_000_000 + seq * 66)
        picture, age = front.take_frame(held, wall=1030.0, monotonic=79.9)
        assert picture is None
        assert age.seconds > 2
    assert front.picture is first
    fresh = dataclasses.replace(FRAME, seq=30, ts_ms=1_030_000)
    picture, age = front.take_frame(fresh, wall=1030.2, monotonic=80.1)
    assert picture is front.picture
    assert picture is not None
    assert age.seconds == pytest.approx(0.2)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_camera_whose_clock_steps_is_shown_all_the_time(step: float) -> None:
    front = camera()
    for seq in range(1, 200):
        now = 50.0 + seq / 10
        ahead = step if seq >= 50 else 0.0
        frame = dataclasses.replace(FRAME, seq=seq, ts_ms=round((1000 + seq / 10 + ahead) * 1000))
        picture, _ = front.take_frame(frame, wall=1000.1 + seq / 10, monotonic=now)
        assert picture is not None, seq


def test_the_newest_picture_stays_until_a_newer_one_comes() -> None:
    front = camera()
    front.take_frame(dataclasses.replace(FRAME, seq=5), wall=1000.0, monotonic=1.0)
    for seq, boot_id, taken in [(4, "b1", False), (5, "b1", False), (6, "b1", True), (1, "b2", True)]:
        picture, _ = front.take_frame(dataclasses.replace(FRAME, seq=seq, boot_id=boot_id), wall=1000.1, monotonic=1.1)
        assert (picture is not None) == taken
    assert front.picture is not None
    assert (front.picture.boot_id, front.picture.sequence) == ("b2", 3)


def test_one_frame_of_an_enormous_number_neither_becomes_the_picture_nor_stops_it() -> None:
    front = camera()
    front.take_frame(FRAME, wall=1000.0, monotonic=1.0)
    hostile = dataclasses.replace(FRAME, seq=2**53 - 1, ts_ms=4_102_444_799_999)
    assert front.take_frame(hostile, wall=1000.1, monotonic=1.1)[0] is None
    picture, age = front.take_frame(dataclasses.replace(FRAME, seq=2, ts_ms=1_000_150), wall=1000.2, monotonic=1.2)
    assert picture is not None
    assert (picture.seq, round(age.seconds, 3), age.estimated) == (2, 0.05, False)


def test_a_closed_slot_drops_the_picture_and_refuses_more() -> None:
    front = camera()
    front.take_frame(FRAME, wall=1000.0, monotonic=1.0)
    front.take_status(closed())
    assert front.picture is None
    assert front.take_frame(dataclasses.replace(FRAME, seq=2), wall=1000.1, monotonic=1.1)[0] is None
    front.take_status(opened())
    assert front.take_frame(dataclasses.replace(FRAME, seq=3), wall=1000.2, monotonic=1.2)[0] is not None
    assert front.zone == "Asia/Tokyo"


@given(
    fps=st.floats(0.05, 60),
    jitter=st.lists(st.floats(-0.1, 0.1), min_size=300, max_size=300),
)
def test_the_rate_is_what_was_sent(fps: float, jitter: list[float]) -> None:
    rate = Rate()
    last = 0.0
    for n, shift in enumerate(jitter[: max(8, min(300, int(fps * 10)))]):
        last = 100 + (n + shift) / fps
        rate.add(last)
    assert rate.hertz(last + 0.1 / fps) == pytest.approx(fps, rel=0.25)
    assert rate.hertz(last + max(3.1, 2.5 / fps)) == 0


@pytest.mark.parametrize("arrivals", [[], [1.0], [1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
def test_the_rate_of_very_few_frames_is_a_number(arrivals: list[float]) -> None:
    rate = Rate()
    for arrival in arrivals:
        rate.add(arrival)
    assert 0 <= rate.hertz(2.0) < 10_000


def test_configured_cameras_come_first_and_discovered_ones_by_name() -> None:
    cameras = Cameras(["yard", "front"], 0.0)
    for name in ("shop", "attic", "front"):
        assert cameras.find(name, 1.0)
    assert [c.name for c in cameras] == ["yard", "front", "attic", "shop"]
    assert len({c.index for c in cameras}) == 4


def test_the_number_of_discovered_cameras_is_limited() -> None:
    cameras = Cameras(["front"], 0.0)
    found = [cameras.find(f"cam{n}", 0.0) for n in range(MAX_DISCOVERED + 1)]
    assert found[-1] is None
    assert None not in found[:-1]


def test_a_silent_discovered_camera_is_forgotten_and_its_index_is_not_reused() -> None:
    cameras = Cameras(["front"], 0.0)
    gone = cameras.find("gone", 0.0)
    kept = cameras.find("kept", 100.0)
    assert gone is not None
    assert cameras.forget(FORGET_SECONDS + 50.0) == [gone]
    assert [c.name for c in cameras] == ["front", "kept"]
    back = cameras.find("gone", FORGET_SECONDS + 60.0)
    assert back is not None
    assert kept is not None
    assert back.index not in (gone.index, kept.index, 0)

"""When cameras are reported as offline and as back, second by second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.frame import Frame
from seccam.message import CameraEvent, Status, TopicStatus, decode_event
from seccam_monitor.ingest.cameras import Camera
from seccam_monitor.ingest.outages import ARRIVAL, BACK_SECONDS, RECONNECT_SECONDS, Outages, Signs
from seccam_monitor.ingest.status import LastStatus

AWAY = 30
JPEG = b"\xff\xd8\xff\xc0\x00\x0a\x08\x00\x10\x00\x10\x01\x00\x00\xff\xda\x00\x02\xff\xd9"
#: Seconds since 1970 at the first second.
EPOCH = 1_000_000.0
Said = Sequence[tuple[int, str]]


class Monitor:
    """A monitor that looks once a second, and one camera."""

    def __init__(self, *, watched: bool = False, began: int = 0, heard: Iterable[CameraEvent] = ()) -> None:
        self.now, self._began, self._watched = began, began, watched
        self.outages = Outages()
        for event in heard:
            self.outages.hear(event)
        self.camera = Camera("front", 0, configured=True, now=0.0)
        self.connected, self.boot_id = True, "b1"
        #: What was reported, and in which second after the first.
        self.events: list[tuple[int, CameraEvent]] = []

    @property
    def said(self) -> Said:
        return [(second, event.type.rpartition(".")[2]) for second, event in self.events]

    def frame(self) -> None:
        """A frame comes, whose number is the second."""
        frame = Frame("front", self.boot_id, self.now, JPEG, 16, 16, round((EPOCH + self.now) * 1000))
        self.camera.take_frame(frame, wall=EPOCH + self.now, monotonic=float(self.now))

    def status(
        self,
        state: Literal["live", "off", "away"] = "live",
        *,
        view: bool = True,
        security: bool = True,
        fps: float = 15.0,
        until: int | None = None,
        why: str = "",
        zone: str = "UTC",
    ) -> None:
        """A status comes; slots that are closed open in the second `until`."""
        opens = None if until is None else round((EPOCH + until) * 1000)
        topics: Any = {
            "view": TopicStatus(open=view, until=opens, fps=fps),
            "security": TopicStatus(open=security, until=opens, fps=2),
        }
        status = Status(camera="front", state=state, since=0, why=why, zone=zone, topics=topics, ts_ms=0)
        self.camera.take_status(LastStatus(status, float(self.now)))

    def second(self) -> None:
        """A second passes."""
        if self.connected:
            signs = Signs.of(self.camera, AWAY, EPOCH + self.now, watched=self._watched)
            for event in self.outages.news([signs], wall=EPOCH + self.now, monotonic=float(self.now)):
                self.outages.take(event)
                self.events.append((self.now, event))
        else:
            self.outages.pause()
        self.now += 1

    def run(self, seconds: int, *, frames: bool = False) -> None:
        """Seconds, with or without a frame in each."""
        for _ in range(seconds):
            if frames:
                self.frame()
            self.second()


def live(seconds: int = 60, **options: Any) -> Monitor:
    """A monitor whose camera has been live for a while."""
    monitor = Monitor(**options)
    monitor.status()
    monitor.run(seconds, frames=True)
    assert monitor.said == []
    return monitor


def test_a_camera_is_offline_after_the_away_time_and_back_after_ten_seconds_of_frames() -> None:
    monitor = live(60)
    monitor.run(100)
    monitor.run(60, frames=True)

    (offline_at, offline), (online_at, online) = monitor.events
    assert (offline_at, offline.type, offline.id) == (59 + AWAY + 1, "seccam.camera.offline", "front-offline-b1-59")
    assert (online_at, online.type, online.id) == (160 + BACK_SECONDS, "seccam.camera.online", "front-online-b1-59")
    assert [event.time.timestamp() - EPOCH for event in (offline, online)] == [59, 160]
    assert (offline.data.zone, offline.traceparent) == ("UTC", None)


def test_the_reason_is_the_cameras_own_if_it_gave_one() -> None:
    monitor = live()
    monitor.status("away", why="/dev/video0 is gone")
    monitor.run(40)

    assert [event.data.why for _, event in monitor.events] == ["/dev/video0 is gone"]


def test_a_camera_that_comes_for_five_seconds_and_goes_again_makes_one_message() -> None:
    monitor = live()
    monitor.run(40)
    for _ in range(50):
        monitor.run(5, frames=True)
        monitor.run(5)
    assert [kind for _, kind in monitor.said] == ["offline"]

    monitor.run(20, frames=True)

    assert [kind for _, kind in monitor.said] == ["offline", "online"]


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=25))
def test_whatever_comes_and_goes_offline_and_online_alternate_and_each_was_deserved(stretches: list[tuple[int, bool]]) -> None:
    monitor = live(20)
    came = list(range(20))
    for seconds, frames in stretches:
        came += range(monitor.now, monitor.now + seconds) if frames else []
        monitor.run(seconds, frames=frames)

    assert [kind for _, kind in monitor.said] == ["offline", "online"][:2] * (len(monitor.said) // 2) + ["offline"] * (
        len(monitor.said) % 2
    )
    for second, kind in monitor.said:
        before = [one for one in came if one <= second]
        if kind == "offline":
            assert second - before[-1] > AWAY
        else:
            assert set(range(second - int(BACK_SECONDS), second + 1)) <= set(before)
    ids = [event.id for _, event in monitor.events]
    assert len(set(ids)) == len(ids)


def test_a_slow_camera_has_three_of_its_intervals_and_is_back_with_its_second_frame() -> None:
    monitor = Monitor()
    monitor.status(fps=1 / 60)
    for _ in range(3):
        monitor.frame()
        monitor.run(60)
    monitor.run(240)
    assert monitor.said == [(120 + 3 * 60 + 1, "offline")]

    monitor.frame()
    monitor.run(60)
    assert len(monitor.said) == 1
    monitor.frame()
    monitor.run(1)

    assert monitor.said[1:] == [(monitor.now - 1, "online")]


def test_outside_its_slots_and_at_their_end_a_camera_is_not_missed() -> None:
    monitor = live()
    monitor.status("off", view=False, security=False, until=2000)
    monitor.run(1000)

    assert monitor.said == []


def test_a_camera_that_is_missing_when_its_slot_opens_is_offline() -> None:
    monitor = live()
    monitor.status("off", view=False, security=False, until=200)
    monitor.run(300)

    ((second, kind),) = monitor.said
    assert kind == "offline"
    assert 200 + AWAY < second < 200 + AWAY + 15
    assert monitor.events[0][1].id == "front-offline-b1-59"


def test_a_camera_that_is_off_while_it_is_offline_is_back_only_once_it_sends_frames() -> None:
    monitor = live()
    monitor.run(40)
    monitor.status("off", view=False, security=False, until=1000)
    monitor.run(60)
    monitor.status()
    monitor.run(20, frames=True)

    assert [kind for _, kind in monitor.said] == ["offline", "online"]


def test_where_only_faces_are_looked_for_the_status_counts() -> None:
    monitor = live()
    for _ in range(20):
        monitor.status(view=False)
        monitor.run(5)
    assert monitor.said == []
    last = monitor.now - 5

    monitor.run(60)
    assert monitor.said == [(last + AWAY + 1, "offline")]
    for _ in range(4):
        monitor.status(view=False)
        monitor.run(5)

    assert [kind for _, kind in monitor.said] == ["offline", "online"]


def test_a_camera_that_says_that_it_is_away_is_offline_where_only_faces_are_looked_for() -> None:
    monitor = live()
    for _ in range(10):
        monitor.status("away", view=False, why="no cable")
        monitor.run(5)

    ((_, event),) = monitor.events
    assert (event.type, event.data.why) == ("seccam.camera.offline", "no cable")


def test_two_outages_without_a_frame_between_them_have_different_ids() -> None:
    monitor = live()
    for _ in range(2):
        monitor.run(60)
        for _ in range(4):
            monitor.status(view=False)
            monitor.run(5)
        monitor.status()
    monitor.run(60)

    ids = [event.id for _, event in monitor.events]
    assert [kind for _, kind in monitor.said] == ["offline", "online"] * 2 + ["offline"]
    assert len(set(ids)) == len(ids)


def test_a_camera_without_a_status_is_not_missed_unless_it_is_watched() -> None:
    for watched, said in ((False, []), (True, ["offline"])):
        monitor = Monitor(watched=watched)
        monitor.run(30, frames=True)
        monitor.run(300)
        assert [kind for _, kind in monitor.said] == said


def test_monitors_that_number_a_cameras_frames_themselves_give_the_same_id_all_the_same() -> None:
    ids = set()
    for boot_id in ("m1", "m2"):
        monitor = Monitor(watched=True)
        monitor.boot_id = boot_id
        monitor.run(30, frames=True)
        monitor.run(60)
        ids |= {event.id for _, event in monitor.events}

    assert ids == {"front-offline-1000029"}


def test_an_event_is_accepted_whatever_the_camera_says_of_itself() -> None:
    monitor = live()
    monitor.status("away", why="x" * 100_000, zone="y" * 100_000)
    monitor.run(40)

    ((_, event),) = monitor.events
    assert len(event.encode()) < 2000
    assert decode_event(event.encode()) == event


def test_a_watched_camera_that_never_comes_is_offline_after_five_away_times() -> None:
    monitor = Monitor(watched=True)
    monitor.run(1000)

    assert monitor.said == [(RECONNECT_SECONDS + ARRIVAL * AWAY + 1, "offline")]
    assert monitor.events[0][1].data.frame is None


def test_while_the_broker_is_away_and_until_cameras_had_time_to_reconnect_nothing_is_said() -> None:
    monitor = live()
    for _ in range(3):
        monitor.connected = False
        monitor.run(100)
        monitor.connected = True
        monitor.run(AWAY + int(RECONNECT_SECONDS))
    assert monitor.said == []

    monitor.run(2)

    assert [kind for _, kind in monitor.said] == ["offline"]


def test_a_restarted_monitor_says_nothing_again_and_that_the_camera_is_back() -> None:
    before = live()
    before.run(40)
    after = Monitor(watched=True, began=before.now, heard=[event for _, event in before.events])
    after.run(300)
    assert after.said == []

    after.status()
    after.run(20, frames=True)

    assert [(kind, event.id) for (_, kind), (_, event) in zip(after.said, after.events, strict=True)] == [
        ("online", "front-online-b1-59")
    ]


def test_monitors_of_the_same_camera_give_the_same_ids_whenever_they_look() -> None:
    first, second = live(60), live(60)
    second.connected = False  # it loses the broker at the worst moment
    second.second()
    second.connected = True
    second.now = first.now
    for monitor in (first, second):
        monitor.run(60)
        monitor.run(30, frames=True)

    assert [event.id for _, event in first.events] == [event.id for _, event in second.events]


def test_a_monitor_that_alone_gets_no_frames_believes_another_one_that_does() -> None:
    deaf, other = live(), live()
    deaf.run(40)
    other.run(40, frames=True)
    other.outages.hear(deaf.events[-1][1])
    other.run(20, frames=True)
    deaf.outages.hear(other.events[-1][1])
    deaf.run(200)

    assert (deaf.said, other.said) == ([(90, "offline")], [(100, "online")])
    assert not deaf.outages.is_offline("front")


def test_a_late_copy_of_an_outage_that_is_over_changes_nothing() -> None:
    monitor = live()
    monitor.run(40)
    monitor.run(20, frames=True)
    monitor.outages.hear(monitor.events[0][1])
    monitor.run(60, frames=True)

    assert [kind for _, kind in monitor.said] == ["offline", "online"]


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_an_event_from_the_future_hides_no_outage(kind: str) -> None:
    donor = live()
    donor.run(40)
    donor.run(20, frames=True)
    forged = donor.events[kind == "online"][1].model_copy(update={"time": datetime.fromtimestamp(EPOCH, UTC) + timedelta(days=900)})
    monitor = live(heard=[forged]) if kind == "online" else Monitor(heard=[forged])
    monitor.status()
    monitor.run(30, frames=True)
    monitor.run(60)

    assert monitor.said[-1][1] == "offline"


def test_only_a_taken_event_is_not_offered_again() -> None:
    monitor = live()
    monitor.run(AWAY)
    signs = Signs.of(monitor.camera, AWAY, EPOCH + 200, watched=False)
    for _ in range(2):
        (event,) = monitor.outages.news([signs], wall=EPOCH + 200, monotonic=200.0)
    assert not monitor.outages.is_offline("front")
    monitor.outages.take(event)

    assert monitor.outages.is_offline("front")
    assert monitor.outages.news([signs], wall=EPOCH + 201, monotonic=201.0) == []

"""The window of one viewer: turns, limits, and how it finds what a link can carry."""

from __future__ import annotations

import heapq
import statistics

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from seccam_monitor.viewers.flow_control import FIRST_WINDOW, PATIENCE, PER_CAMERA, Window


def watching(*cameras: int) -> Window:
    window = Window()
    for camera in window.watch(cameras):
        window.picture_ready(camera)
    return window


def test_nothing_is_sent_before_anything_is_watched() -> None:
    assert Window().next() is None
    assert not Window().watches(0)


def test_the_first_window_holds_two_pictures() -> None:
    window = watching(0, 1, 2)
    for sequence in range(2):
        camera = window.next()
        assert camera is not None
        window.sent(camera, sequence, 0.0)
    assert window.next() is None
    assert FIRST_WINDOW == 2


def test_cameras_take_turns_however_fast_one_of_them_is() -> None:
    window = watching(0, 1, 2)
    shown = []
    for sequence in range(9):
        window.picture_ready(0)
        camera = window.next()
        assert camera is not None
        shown.append(camera)
        window.sent(camera, sequence, sequence)
        window.ack(camera, sequence, sequence + 0.01)
        for other in (1, 2):
            window.picture_ready(other)
    assert all(shown.count(camera) == 3 for camera in (0, 1, 2))


def test_a_newer_picture_replaces_the_waiting_one_and_is_sent_once() -> None:
    window = watching(0)
    assert window.picture_ready(0)  # the one of watching() is skipped
    assert window.next() == 0
    assert window.next() is None


def test_one_camera_has_no_more_than_its_share_in_flight() -> None:
    window = watching(0, 1)
    window.size = 12.0
    for sequence in range(PER_CAMERA):
        window.picture_ready(0)
        assert window.next() in (0, 1)
        window.sent(0, sequence, 0.0)
    window.picture_ready(0)
    window.picture_ready(1)
    assert window.next() == 1
    assert window.next() is None


def test_the_window_grows_by_one_for_each_window_that_comes_back_in_time() -> None:
    window = watching(0)
    for sequence in range(2):
        window.sent(0, sequence, 0.0)
    window.ack(0, 0, 0.1)
    assert window.size == 2.5
    window.ack(0, 1, 0.1)
    assert window.size == 2.5  # it wasn't full any more: nothing was learned


def test_the_window_halves_when_acks_come_later_than_they_could_but_once_for_one_queue() -> None:
    window = watching(0)
    window.size = 6.0
    window.sent(0, 0, 0.0)
    window.ack(0, 0, 0.1)
    for sequence in (1, 2, 3):
        window.sent(0, sequence, 1.0)
    window.ack(0, 1, 1.36)
    assert window.size == 3.0
    window.ack(0, 2, 1.4)
    assert window.size == 3.0
    window.ack(0, 3, 1.9)
    assert window.size == 1.5


def test_an_unknown_or_repeated_ack_changes_nothing() -> None:
    window = watching(0)
    window.sent(0, 1, 0.0)
    window.ack(5, 5, 9.0)
    assert window.stalled(PATIENCE + 0.1)
    window.ack(0, 1, 1.0)
    size = window.size
    window.ack(0, 1, 1.0)
    assert window.size == size


def test_a_viewer_is_disconnected_when_pictures_are_in_flight_and_no_ack_comes() -> None:
    window = watching(0)
    assert not window.stalled(1000.0)  # nothing is out
    window.sent(0, 0, 1000.0)
    assert not window.stalled(1000.0 + PATIENCE)
    window.sent(0, 1, 1009.0)  # sending more is no progress
    assert window.stalled(1000.0 + PATIENCE + 0.1)
    window.ack(0, 0, 1010.0)
    assert not window.stalled(1010.0 + PATIENCE)


def test_what_is_no_longer_watched_is_no_longer_sent() -> None:
    window = watching(0, 1)
    assert window.watch([1, 2]) == {2}
    window.picture_ready(2)
    assert {window.next(), window.next()} == {1, 2}
    window.size = 12.0
    window.watch([1])
    assert window.size == PER_CAMERA


class Viewing(RuleBasedStateMachine):
    """Whatever happens, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.window, self.now, self.sequence = Window(), 0.0, 0
        self.watched: set[int] = set()
        self.out: list[tuple[int, int]] = []

    @rule(cameras=st.sets(st.integers(0, 4)))
    def watch(self, cameras: set[int]) -> None:
        for camera in self.window.watch(cameras):
            self.window.picture_ready(camera)
        self.watched = cameras

    @precondition(lambda self: self.watched)
    @rule(data=st.data())
    def fresh(self, data: st.DataObject) -> None:
        self.window.picture_ready(data.draw(st.sampled_from(sorted(self.watched))))

    @rule()
    def send(self) -> None:
        camera = self.window.next()
        if camera is not None:
            assert camera in self.watched
            assert len(self.out) < self.window.size
            self.sequence += 1
            self.window.sent(camera, self.sequence, self.now)
            self.out.append((camera, self.sequence))
            assert sum(c == camera for c, _ in self.out) <= PER_CAMERA

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        picture = data.draw(st.sampled_from(self.out))
        self.out.remove(picture)
        self.window.ack(*picture, self.now)

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def window_is_within_its_bounds(self) -> None:
        assert 1 <= self.window.size <= max(FIRST_WINDOW, PER_CAMERA * len(self.watched))
        assert self.out or not self.window.stalled(self.now)


TestViewing = Viewing.TestCase


def ages_over(
    *, bits_per_second: float, round_trip: float, draw: float = 0.0, cameras: int = 3, seconds: float = 12.0
) -> list[float]:
    """Ages at the viewer, in the second half, of 98 kB pictures at 15 a second over a link that queues all it is given."""
    cameras = 3
    window = watching(*range(cameras))
    newest = dict.fromkeys(range(cameras), 0.0)
    transfer = 98_000 * 8 / bits_per_second
    link_free = page_free = 0.0
    ages: list[float] = []
    sequence = 0
    # (when, order, what, camera, sequence, captured)
    todo: list[tuple[float, int, str, int, int, float]] = [
        (frame / 15 + camera / 100, frame * cameras + camera, "frame", camera, 0, 0.0)
        for frame in range(int(seconds * 15))
        for camera in range(cameras)
    ]
    heapq.heapify(todo)
    while todo:
        now, _, what, camera, number, captured = heapq.heappop(todo)
        if what == "frame":
            newest[camera] = now
            window.picture_ready(camera)
        elif what == "shown":
            if now > seconds / 2:
                ages.append(now - captured)
            heapq.heappush(todo, (now + round_trip / 2, number, "ack", camera, number, captured))
        else:
            window.ack(camera, number, now)
        while (turn := window.next()) is not None:
            sequence += 1
            window.sent(turn, sequence, now)
            link_free = max(link_free, now) + transfer
            page_free = max(page_free, link_free + round_trip / 2) + draw
            heapq.heappush(todo, (page_free, 1_000_000 + sequence, "shown", turn, sequence, newest[turn]))
    return ages


def test_a_narrow_link_shows_pictures_under_a_second_old() -> None:
    ages = ages_over(bits_per_second=2e6, round_trip=0.08)
    assert statistics.median(ages) < 1.2
    assert len(ages) / 6 > 0.9 * 2e6 / (98_000 * 8)  # and the link is used


def test_a_phone_that_draws_slowly_is_not_behind() -> None:
    assert statistics.median(ages_over(bits_per_second=1e8, round_trip=0.01, draw=0.12)) < 0.6


def test_a_long_wide_link_carries_most_of_the_pictures() -> None:
    ages = ages_over(bits_per_second=1e8, round_trip=0.3)
    assert statistics.median(ages) < 0.35
    assert len(ages) / 6 > 0.6 * 45


@given(bits=st.floats(5e5, 1e8), trip=st.floats(0.001, 0.4))
def test_pictures_never_keep_getting_older_on_any_link(bits: float, trip: float) -> None:
    """Two pictures of the slowest link, and what the rule tolerates."""
    ages = ages_over(bits_per_second=bits, round_trip=trip, seconds=8.0)
    assert max(ages, default=0.0) < 2.5 + trip + 4 * 98_000 * 8 / bits

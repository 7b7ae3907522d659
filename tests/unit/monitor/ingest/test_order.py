"""Which frames follow, by their sequence numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_monitor.ingest.order import Order

MOST = 2**53 - 1


@pytest.mark.parametrize("seconds", [0.0, 0.07, 30.0])
def test_a_frame_numbered_higher_than_a_camera_can_count_is_refused_and_the_next_one_is_not(seconds: float) -> None:
    order = Order()
    assert order.follows("a", 1, 10.0)
    assert not order.follows("a", MOST, 10.0 + seconds)
    assert order.follows("a", 2, 10.1 + seconds)


@pytest.mark.parametrize("rate", [0.1, 1, 15, 240])
def test_the_numbers_may_jump_by_what_a_camera_counts_while_the_broker_is_away(rate: float) -> None:
    order = Order()
    order.follows("a", 1, 0.0)
    for minutes in (1, 10, 600):
        assert order.follows("a", 1 + int(rate * minutes * 60), minutes * 60.0)


def test_a_camera_that_restarts_counts_anew() -> None:
    order = Order()
    assert order.follows("a", 1_000_000, 0.0)
    assert order.follows("b", 1, 0.1)


def test_frames_that_were_overtaken_are_refused() -> None:
    """Those in the queue of unknown cameras, while the camera's own queue delivers newer ones."""
    order = Order()
    order.follows("a", 9, 0.0)
    assert not any(order.follows("a", seq, 0.01 * seq) for seq in range(1, 9))
    assert order.follows("a", 10, 0.1)


@given(
    fps=st.sampled_from([0.2, 2.0, 15.0, 60.0]),
    hostile=st.integers(0, MOST),
    at=st.floats(0, 1),
    is_first=st.booleans(),
)
def test_no_single_frame_stops_the_picture_for_more_than_three_frames_and_a_second(
    fps: float, hostile: int, at: float, is_first: bool
) -> None:
    """Whatever its number is; also if it comes before the first one of the camera, as after a start of the monitor."""
    order = Order()
    if not is_first:
        assert order.follows("a", 5000, 0.0)
    order.follows("a", hostile, at / fps)

    taken = [order.follows("a", 5000 + n, n / fps) for n in range(1, 130)]

    refused = taken.index(True)
    assert refused <= max(2, fps + 1)
    assert all(taken[refused:])

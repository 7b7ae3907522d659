"""Which frames a topic carries."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_camera.pacing import Pacer, phase


def chosen(source: float, rate: float, seconds: float, *, jitter: float = 0.0, start: float = 1000.0) -> list[int]:
    """Numbers of the frames that are taken; `jitter` is a share of the source's interval."""
    noise = random.Random(1)
    pacer = Pacer(rate, phase("front"))
    times = [start + (n + noise.uniform(-jitter, jitter)) / source for n in range(round(source * seconds))]
    return [n for n, at in enumerate(times) if pacer.due(at)]


def steps(numbers: list[int]) -> Counter[int]:
    """How many source frames lie between two that are taken, once it has settled."""
    return Counter(b - a for a, b in pairwise(numbers[15:]))


@pytest.mark.parametrize(
    ("source", "rate", "expected"),
    [
        (30, 15, {2}),
        (30.03, 15, {2}),  # no crystal is exact
        (29.97, 15, {2}),
        (60, 15, {4}),
        (15, 15, {1}),
        (15.2, 15, {1}),
        (10, 15, {1}),  # slower than wanted: all there is
        (30, 2, {15}),
        (15, 2, {7, 8}),
        (25, 15, {1, 2}),
    ],
)
def test_frames_are_selected_evenly(source: float, rate: float, expected: set[int]) -> None:
    numbers = chosen(source, rate, 60)

    assert set(steps(numbers)) == expected
    assert len(numbers) == pytest.approx(min(source, rate) * 60, rel=0.02, abs=2)


def test_every_second_frame_is_selected_although_frames_arrive_a_fifth_early_or_late() -> None:
    assert set(steps(chosen(30, 15, 60, jitter=0.2))) == {2}


def test_a_source_no_faster_than_the_rate_is_not_thinned_however_uneven_its_frames() -> None:
    assert len(chosen(15, 15, 60, jitter=0.9)) >= 0.97 * 15 * 60


def test_after_a_gap_the_first_frame_is_selected_at_once_and_missed_ones_are_not_made_up_for() -> None:
    pacer = Pacer(15)
    for n in range(30):
        pacer.due(100 + n / 30)

    assert pacer.due(200.0)
    assert sum(pacer.due(200 + n / 30) for n in range(1, 31)) <= 16


def test_cameras_select_their_frames_at_different_times() -> None:
    times = set()
    for name in ("front", "yard", "garage", "shop"):
        pacer = Pacer(2, phase(name))
        taken = [n / 100 for n in range(1000) if pacer.due(50 + n / 100)]
        times.add(round(taken[-1] % 0.5, 1))

    assert len(times) > 1


@given(st.floats(1, 120), st.floats(0.2, 60), st.floats(0, 0.49), st.floats(0, 1e6))
def test_a_topic_carries_at_most_its_rate_and_not_much_less_than_available(
    source: float, rate: float, jitter: float, start: float
) -> None:
    seconds = max(30.0, 60 / rate)
    numbers = chosen(source, rate, seconds, jitter=jitter, start=start)

    assert len(numbers) <= rate * seconds * 1.06 + 3
    assert len(numbers) >= min(source, rate) * seconds * 0.85 - 3


@given(st.text())
def test_a_phase_is_a_share_of_the_interval(name: str) -> None:
    assert 0 <= phase(name) < 1

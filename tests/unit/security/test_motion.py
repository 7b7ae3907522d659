"""What moved between two miniatures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from seccam_security import motion
from seccam_security.decode import Picture, Pixels
from seccam_security.motion import LEAST_CHANGE, MOST_REGIONS, changed, moved
from tests.scenes import FACELESS, backdrop, noisy, scene
from tests.unit.security.frames import frame


def miniature(pixels: Pixels) -> Pixels:
    return Picture(frame(pixels)).miniature()


def lit(pixels: Pixels, gain: float = 1.0, offset: float = 0.0) -> Pixels:
    return np.asarray(np.clip(pixels.astype(np.float32) * gain + offset, 0, 255), np.uint8)


@pytest.mark.parametrize("background", FACELESS)
def test_a_still_scene_is_still_whatever_the_sensors_noise(background: str) -> None:
    still = backdrop(background)
    for sigma in (0, 4, 12, 25):
        assert moved(miniature(noisy(still, sigma, seed=1)), miniature(noisy(still, sigma, seed=2))) == [], sigma


@pytest.mark.parametrize("background", FACELESS)
@pytest.mark.parametrize(("gain", "offset"), [(0.9, 0), (0.95, 0), (1.05, 0), (1, -10), (1, -5), (1, 5), (1, 10)])
def test_a_slow_change_of_light_is_no_motion(background: str, gain: float, offset: float) -> None:
    still = backdrop(background)

    assert moved(miniature(still), miniature(lit(still, gain, offset))) == []


@pytest.mark.parametrize("background", FACELESS)
@pytest.mark.parametrize("sigma", [0, 8])
def test_a_face_of_20_pixels_that_comes_is_seen_where_it_is(background: str, sigma: float) -> None:
    before = miniature(noisy(scene(background=background), sigma, seed=1))
    now = miniature(noisy(scene(("astronaut", 20, 640, 320), background=background), sigma, seed=2))

    [(x, y, w, h)] = moved(before, now)

    assert 640 - 24 <= x * 8 <= 640 + 24
    assert 320 - 24 <= y * 8 <= 320 + 24
    assert w <= 10
    assert h <= 12


def test_it_is_seen_in_changing_light_too() -> None:
    before = miniature(scene())
    now = miniature(lit(scene(("astronaut", 20, 640, 320)), 0.94, -2))

    assert len(moved(before, now)) == 1


def test_two_who_move_far_apart_are_two_regions_the_larger_first() -> None:
    now = scene(("astronaut", 30, 100, 100), ("grace_hopper", 60, 900, 300))

    first, second = moved(miniature(scene()), miniature(now))

    assert first[0] > 100
    assert second[0] < 30


def test_when_the_light_is_switched_everything_has_changed() -> None:
    now = miniature(lit(scene(), 0.3))

    assert moved(miniature(scene()), now) == [(0, 0, now.shape[1], now.shape[0])]


def test_when_all_is_in_motion_it_is_told_as_one_region() -> None:
    before = np.full((90, 160), 100, np.uint8)
    now = before.copy()
    now[::9, ::9] = now[1::9, ::9] = 200

    regions = moved(before, now)

    assert len(regions) == 1 < MOST_REGIONS


def test_one_cell_alone_is_no_motion() -> None:
    before = np.full((90, 160), 100, np.uint8)
    now = before.copy()
    now[40, 40] = 250

    assert moved(before, now) == []


miniatures = arrays(np.uint8, (12, 16))


@settings(max_examples=200)
@given(miniatures, miniatures)
def test_regions_lie_in_the_picture_whatever_it_shows(before: Pixels, now: Pixels) -> None:
    for x, y, w, h in moved(before, now):
        assert x >= 0
        assert y >= 0
        assert w > 0
        assert h > 0
        assert x + w <= 16
        assert y + h <= 12


@given(miniatures)
def test_a_picture_has_not_moved_against_itself(picture: Pixels) -> None:
    assert moved(picture, picture) == []


def nudged(picture: Pixels, steps: NDArray[np.int8]) -> Pixels:
    return np.asarray(np.clip(picture.astype(np.int16) + steps, 0, 255), np.uint8)


nudges = arrays(np.int8, (12, 16), elements=st.integers(-(LEAST_CHANGE // 2), LEAST_CHANGE // 2))


@given(arrays(np.uint8, (12, 16), elements=st.integers(100, 120)), nudges)
def test_where_all_changed_by_less_than_half_of_what_is_motion_no_light_makes_it_motion(
    picture: Pixels, steps: NDArray[np.int8]
) -> None:
    """So such frames need no estimate of the light. (With a gain, it would be of what lies beyond most cells: a guess.)"""
    assert not changed(picture, nudged(picture, steps)).any()


@pytest.mark.parametrize("background", FACELESS)
@pytest.mark.parametrize("sigma", [0, 2, 4])
def test_a_still_frame_of_a_usual_sensor_needs_no_estimate_of_the_light(
    background: str, sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = (miniature(noisy(backdrop(background), sigma, seed)) for seed in (1, 2))
    assert not changed(before, now).any()
    monkeypatch.delattr(motion, "_light")

    assert moved(before, now) == []

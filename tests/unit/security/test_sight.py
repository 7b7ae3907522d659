"""Whether a camera can see: frames in, changes out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.frame import Frame
from seccam.message import CAMERA_CLEARED, CAMERA_COVERED, CAMERA_FROZEN
from seccam_security.decode import Picture, Pixels
from seccam_security.sight import CLEAR_SECONDS, MOST_INTERVAL, ONE_TONE, VISIBLE, Change, Look, Sight, detail
from tests.scenes import jpeg, noisy, photo, scene

COVERED, FROZEN, FPS = 10.0, 30.0, 2.0

Kind = str
BLACK, SAME, CHANGING = "black", "same", "changing"


def looks(*spans: tuple[Kind, float], start: int = 0) -> list[Look]:
    """Frames at FPS: for so many seconds each, of one tone, of the same picture, or of a picture that changes."""
    made: list[Look] = []
    for kind, seconds in spans:
        for _ in range(int(seconds * FPS)):
            seq = start + len(made)
            made.append(Look(seq / FPS, "boot", seq, ONE_TONE / 2 if kind == BLACK else VISIBLE * 9, 0 if kind == SAME else seq))
    return made


def changes(
    frames: Iterable[Look], *, sight: Sight | None = None, covered: float = COVERED, frozen: float = FROZEN, slow: bool = False
) -> list[Change]:
    sight, said = sight or Sight(), []
    for look in frames:
        change, sight = sight.see(look, covered=covered, frozen=frozen, slow=slow)
        said += [change] if change else []
    return said


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(BLACK, 10)], []),
        ([(BLACK, 11)], [(CAMERA_COVERED, 10.0)]),
        ([(BLACK, 3600)], [(CAMERA_COVERED, 10.0)]),
        ([(SAME, 30)], []),
        ([(SAME, 31)], [(CAMERA_FROZEN, 30.0)]),
        ([(CHANGING, 20), (SAME, 3600)], [(CAMERA_CLEARED, 0.0), (CAMERA_FROZEN, 50.0)]),
        # each is over once the camera has seen for a while
        ([(BLACK, 20), (CHANGING, 15)], [(CAMERA_COVERED, 10.0)]),
        ([(BLACK, 20), (CHANGING, 16)], [(CAMERA_COVERED, 10.0), (CAMERA_CLEARED, 20.0)]),
        ([(BLACK, 20), (CHANGING, 10), (BLACK, 1), (CHANGING, 10)], [(CAMERA_COVERED, 10.0)]),
        ([(SAME, 40), (CHANGING, 1), (SAME, 3600)], [(CAMERA_FROZEN, 30.0)]),
        ([(SAME, 40), (CHANGING, 20)], [(CAMERA_FROZEN, 30.0), (CAMERA_CLEARED, 40.0)]),
        # a lens that is covered while the picture is frozen
        ([(SAME, 40), (BLACK, 20)], [(CAMERA_FROZEN, 30.0), (CAMERA_COVERED, 50.0)]),
        # somebody passes closely, again and again
        ([(CHANGING, 16)] + [(BLACK, 9), (CHANGING, 1)] * 100, [(CAMERA_CLEARED, 0.0)]),
    ],
)
def test_what_is_said_of_a_camera_and_since_when(spans: list[tuple[Kind, float]], said: list[tuple[str, float]]) -> None:
    assert [(change.state, change.time) for change in changes(looks(*spans))] == said


def test_only_the_first_word_is_said_to_be_one() -> None:
    said = changes(looks((CHANGING, 20), (BLACK, 20), (CHANGING, 20)))

    assert [change.initial for change in said] == [True, False, False]


@pytest.mark.parametrize(("covered", "frozen"), [(0.0, 0.0), (0.0, FROZEN), (COVERED, 0.0)])
def test_what_is_switched_off_is_not_said_and_hides_nothing(covered: float, frozen: float) -> None:
    said = [change.state for change in changes(looks((BLACK, 60), (SAME, 60), (CHANGING, 60)), covered=covered, frozen=frozen)]

    assert (CAMERA_COVERED in said, CAMERA_FROZEN in said) == (bool(covered), bool(frozen))
    assert said[-1] == CAMERA_CLEARED


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(looks((BLACK, 6), start=100_000), id="after a night in which no frames came"),
        pytest.param([look._replace(boot_id="other") for look in looks((BLACK, 6), start=12)], id="after the camera's restart"),
        pytest.param([look._replace(time=look.time - 3600) for look in looks((BLACK, 6), start=12)], id="after its clock stepped"),
    ],
)
def test_time_in_which_no_frames_came_does_not_count(second: list[Look]) -> None:
    first = looks((BLACK, 6))
    renumbered = [look._replace(seq=len(first) + n) for n, look in enumerate(second)]

    assert changes([*first, *renumbered]) == []


def test_a_camera_that_sends_now_and_then_is_judged_only_where_that_is_asked_for() -> None:
    frames = [Look(n * (MOST_INTERVAL + 1), "boot", n, 0.0, 0) for n in range(100)]

    assert changes(frames) == []
    assert [change.state for change in changes(frames, slow=True)] == [CAMERA_COVERED]


@pytest.mark.parametrize("share", [2, 7, 20])
def test_a_worker_that_gets_few_of_the_frames_reaches_the_same_verdict(share: int) -> None:
    frames = looks((CHANGING, 100), (BLACK, 100), (CHANGING, 100), (SAME, 100), (CHANGING, 100))

    said = [change.state for change in changes(frames[::share])]

    assert said == [CAMERA_CLEARED, CAMERA_COVERED, CAMERA_CLEARED, CAMERA_FROZEN, CAMERA_CLEARED]


def test_a_picture_that_a_worker_gets_twice_of_a_video_that_repeats_is_not_frozen() -> None:
    frames = [look._replace(digest=look.seq % 100) for look in looks((CHANGING, 200))]
    few = [frames[n] for n in (0, 30, 60, 90, 190, 250)]  # 90 and 190 show the same

    assert CAMERA_FROZEN not in [change.state for change in changes(few)]


frames = st.lists(
    st.builds(
        Look,
        st.floats(0, 2e9),
        st.sampled_from("ab"),
        st.integers(0, 100),
        st.floats(0, 2) | st.just(float("inf")),
        st.integers(0, 1),
    ),
    max_size=50,
)


@given(frames, st.sampled_from([0.0, 10.0]), st.sampled_from([0.0, 30.0]), st.booleans())
def test_whatever_frames_come_nothing_is_said_twice_in_a_row(looked: list[Look], covered: float, frozen: float, slow: bool) -> None:
    said = changes(looked, covered=covered, frozen=frozen, slow=slow)

    assert all(one.state != after.state for one, after in itertools.pairwise(said))
    assert [change.initial for change in said[1:]] == [False] * len(said[1:])


spans = st.lists(st.tuples(st.sampled_from([BLACK, SAME, CHANGING]), st.integers(1, 60)), max_size=12)


@given(spans)
def test_no_trouble_is_said_before_it_has_lasted_and_none_is_over_sooner_than_it_may(spans: list[tuple[Kind, float]]) -> None:
    looked, longest = looks(*spans), {CAMERA_COVERED: COVERED, CAMERA_FROZEN: FROZEN, CAMERA_CLEARED: CLEAR_SECONDS}
    sight = Sight()
    for n, look in enumerate(looked):
        change, sight = sight.see(look, covered=COVERED, frozen=FROZEN)
        if change:
            latest = [one for one in looked[: n + 1] if one.time >= look.time - longest[change.state]]
            assert (change.state == CAMERA_COVERED) == all(one.detail < ONE_TONE for one in latest)
            assert (change.state == CAMERA_FROZEN) <= (len({one.digest for one in latest}) == 1)


def miniature(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return Picture(Frame("front", "boot", 1, jpeg(pixels), width, height, None)).miniature()


def flat(grey: int, width: int = 1280, height: int = 720) -> Pixels:
    return np.full((height, width, 3), grey, np.uint8)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket", "astronaut"])
@pytest.mark.parametrize("width", [160, 640, 1920])
def test_a_photo_has_detail_in_every_size(name: str, width: int) -> None:
    pixels = photo(name)
    size = (width, width * pixels.shape[0] // pixels.shape[1])

    assert detail(miniature(np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8))) > VISIBLE * 4


@pytest.mark.parametrize("size", [(160, 120), (640, 360), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("grey", [0, 8, 128, 255])
def test_one_tone_has_none_whatever_the_noise(size: tuple[int, int], grey: int) -> None:
    assert detail(miniature(noisy(flat(grey, *size), 3, seed=1))) < ONE_TONE


def test_light_that_falls_off_is_no_detail_but_a_small_thing_is() -> None:
    falling = (flat(1) * np.linspace(40, 160, 1280)[None, :, None]).astype(np.uint8)
    thing = falling.copy()
    thing[300:360, 600:640] += 60

    assert detail(miniature(falling)) < ONE_TONE < VISIBLE < detail(miniature(thing))


@pytest.mark.parametrize("size", [(8, 8), (40, 40), (40, 640), (640, 40)])
def test_a_picture_too_small_to_be_judged_counts_as_visible(size: tuple[int, int]) -> None:
    assert detail(miniature(flat(0, *size))) == math.inf


def test_night_with_something_to_be_seen_is_no_covered_lens() -> None:
    night = noisy((scene(("astronaut", 60, 300, 200)) * 0.05).astype(np.uint8), 3, seed=1)

    assert detail(miniature(night)) > VISIBLE

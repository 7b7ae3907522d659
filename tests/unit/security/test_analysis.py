"""From frames to faces, with the real detector and real pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from seccam.errors import BadFrame
from seccam.message import MAX_SNAPSHOT
from seccam_security import regions
from seccam_security.analysis import STEPS, Analysis, Analyst, Memory
from seccam_security.annotate import annotated
from seccam_security.detectors import LibFaceDetection
from seccam_security.faces import intersection, same
from seccam_security.warmup import warm_up
from tests.scenes import Pixels, backdrop, jpeg, noisy, photo, scene
from tests.unit.security.frames import SIZES, frame

#: Seconds between frames at 2 a second.
STEP = 0.5
FULL = 1280 * 720

STILL = ("grace_hopper", 90, 900, 300)


@pytest.fixture(scope="module")
def analyst() -> Analyst:
    return Analyst(LibFaceDetection(), full_scan_interval_seconds=3, full_scan_width=640)


def watch(analyst: Analyst, pictures: Sequence[Pixels], memory: Memory | None = None) -> list[Analysis]:
    """What one worker makes of a camera's pictures, two a second."""
    memory = memory or Memory()
    return [analyst.analyse(frame(picture, seq), memory, seq * STEP) for seq, picture in enumerate(pictures)]


def counts(seen: Sequence[Analysis]) -> list[int]:
    return [len(analysis.faces) for analysis in seen]


@pytest.mark.parametrize("name", ["astronaut", "grace_hopper"])
def test_the_face_in_a_photo_is_counted_at_the_first_frame(analyst: Analyst, name: str) -> None:
    assert counts(watch(analyst, [photo(name)])) == [1]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4096, 1), (1, 4096), (4096, 2), (2, 4096), (4096, 9), (33, 15)])
def test_a_picture_of_any_shape_is_looked_at(analyst: Analyst, width: int, height: int) -> None:
    pictures = [np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8) for seed in range(2)]

    assert counts(watch(analyst, pictures)) == [0, 0]


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_in_a_photo_without_one_none_is_counted_however_often_it_is_looked_at(analyst: Analyst, name: str) -> None:
    assert counts(watch(analyst, [noisy(photo(name), 4, seed) for seed in range(8)])) == [0] * 8


def test_a_still_scene_is_looked_at_again_only_every_few_seconds(analyst: Analyst) -> None:
    seen = watch(analyst, [noisy(scene(STILL), 4, seed) for seed in range(14)])

    assert [turn for turn, analysis in enumerate(seen) if analysis.analysed] == [0, 6, 12]
    assert counts(seen) == [1] * 14


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_still_scene_of_any_size_is_still_after_a_look_at_the_whole_too(analyst: Analyst, width: int, height: int) -> None:
    still = backdrop("coffee", width, height)
    seen = watch(analyst, [noisy(still, 2, seed) for seed in range(9)])

    assert [turn for turn, analysis in enumerate(seen) if analysis.analysed] == [0, 6]
    assert [len(analysis.regions) for analysis in seen if analysis.analysed] == [1, 1]


@pytest.mark.parametrize("background", ["coffee", "chelsea", "rocket"])
@pytest.mark.parametrize("name", ["astronaut", "grace_hopper"])
def test_a_moving_face_of_20_pixels_is_found_within_2_seconds_at_a_fraction_of_the_cost(
    analyst: Analyst, background: str, name: str
) -> None:
    walk = [scene((name, 20, 200 + 23 * step, 300 + 5 * step), background=background) for step in range(4)]
    seen = watch(analyst, [noisy(picture, 4, seed) for seed, picture in enumerate([backdrop(background), *walk])])

    assert counts(seen)[0] == 0
    assert max(counts(seen)[1:]) == 1
    assert counts(seen)[-1] == 1
    for analysis in seen[1:]:
        assert 0 < sum(region.cost for region in analysis.regions) < FULL / 8


def test_a_face_that_moves_is_one_face(analyst: Analyst) -> None:
    walk = [scene(("astronaut", 60, 100 + 90 * step, 200)) for step in range(8)]

    assert counts(watch(analyst, walk)) == [1] * 8


def test_faces_moving_and_still_are_all_counted(analyst: Analyst) -> None:
    walk = [scene(STILL, ("astronaut", 50, 100 + 60 * step, 200)) for step in range(10)]

    assert counts(watch(analyst, walk)) == [2] * 10


def test_who_leaves_is_not_counted_any_more(analyst: Analyst) -> None:
    there, gone = scene(("astronaut", 60, 300, 200)), backdrop()

    assert counts(watch(analyst, [there, there, gone, gone])) == [1, 1, 0, 0]


def test_who_leaves_while_another_stays_is_not_counted_any_more(analyst: Analyst) -> None:
    both, one = scene(STILL, ("astronaut", 60, 300, 200)), scene(STILL)

    assert counts(watch(analyst, [both, one, one])) == [2, 1, 1]


def test_a_face_of_20_pixels_that_stops_is_still_counted(analyst: Analyst) -> None:
    walk = [scene(("astronaut", 20, 200 + 40 * min(step, 3), 300)) for step in range(20)]

    assert counts(watch(analyst, [backdrop(), *walk])) == [0] + [1] * 20


def test_boxes_are_in_the_pictures_pixels_and_lie_in_it(analyst: Analyst) -> None:
    [first] = watch(analyst, [scene(("astronaut", 118, 200, 100))])

    [face] = first.faces
    x, y = 200 + 92, 100 + 58  # the cutting leaves a face's width beside it and all that is above it
    assert same(face.box, (x, y, 92, 118))
    assert intersection(face.box, (0, 0, 1280, 720)) == face.box


def test_five_workers_that_share_a_camera_each_see_both_faces() -> None:
    workers = [(Analyst(LibFaceDetection(), full_scan_interval_seconds=3, full_scan_width=640), Memory()) for _ in range(5)]
    seen = []
    for seq in range(20):
        analyst, memory = workers[seq % 5]
        picture = scene(STILL, ("astronaut", 50, 60 + 35 * seq, 150))
        seen.append(analyst.analyse(frame(picture, seq), memory, seq * STEP))

    assert counts(seen) == [2] * 20


def test_where_all_moves_each_piece_has_its_turn_whatever_numbers_the_frames_carry(analyst: Analyst) -> None:
    """A receiver counts the frames of all cameras that don't number their own."""
    bright, dark = scene(background="rocket"), (scene(background="coffee") * 0.2).astype(np.uint8)
    memory, looked = Memory(), set()
    for turn in range(12):
        seen = analyst.analyse(frame((bright, dark)[turn % 2], seq=4 * turn), memory, turn * STEP)
        looked |= {region.box for region in seen.regions}

    assert looked >= set(regions.split((0, 0, 1280, 720)))


def test_a_picture_of_another_size_begins_anew(analyst: Analyst) -> None:
    small = scene(("astronaut", 60, 100, 100), width=640, height=360)

    assert counts(watch(analyst, [scene(STILL), small, scene(STILL)])) == [1, 1, 1]


def test_when_the_light_goes_on_the_whole_picture_is_looked_at(analyst: Analyst) -> None:
    bright = scene(STILL)
    seen = watch(analyst, [(bright * 0.2).astype(np.uint8), bright])

    assert seen[1].regions[0].full_scan
    assert len(seen[1].faces) == 1


def test_a_picture_of_one_pixel_has_no_face(analyst: Analyst) -> None:
    assert counts(watch(analyst, [np.zeros((1, 1, 3), np.uint8)] * 2)) == [0, 0]


def test_a_damaged_frame_leaves_what_is_known_as_it_was(analyst: Analyst) -> None:
    memory, good = Memory(), jpeg(scene(STILL))
    analyst.analyse(frame(good), memory, 0)
    for now in (0.5, 10.0):
        with pytest.raises(BadFrame):
            analyst.analyse(frame(good[: len(good) // 2] + b"\xff\xd9"), memory, now)

    again = analyst.analyse(frame(good), memory, 0.5)
    assert not again.analysed
    assert len(again.faces) == 1


def test_the_time_of_each_step_is_told(analyst: Analyst) -> None:
    whole, part = watch(analyst, [backdrop(), scene(STILL)])

    assert set(whole.steps) == {"decode", "motion", "detect_whole"}
    assert set(part.steps) == {"decode", "motion", "detect_moved"}
    assert set(whole.steps) | set(part.steps) == set(STEPS)


def test_warming_up_looks_at_whole_and_part_and_leaves_nothing_behind(analyst: Analyst) -> None:
    assert warm_up(analyst) > 0


def test_an_annotated_picture_is_no_larger_than_an_event_may_hold() -> None:
    rubbish = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    for pixels in (rubbish, scene(STILL), photo("astronaut"), rubbish[:9, :7], rubbish[:, :40]):
        box = (0, 0, pixels.shape[1], pixels.shape[0])
        for width in (160, 1280, 1920):
            assert len(annotated(pixels, box, [(2, 2, 60, 80)], width)) <= MAX_SNAPSHOT


def test_boxes_are_drawn_where_the_faces_are() -> None:
    import simplejpeg

    grey = np.full((360, 640, 3), 128, np.uint8)
    drawn = simplejpeg.decode_jpeg(annotated(grey, (0, 0, 1280, 720), [(640, 360, 320, 160)], 480))

    assert drawn.shape == (270, 480, 3)
    yellow = (drawn[:, :, 0] > 180) & (drawn[:, :, 2] < 110)
    rows, columns = np.nonzero(yellow)
    assert abs(columns.min() - 240) <= 3
    assert abs(columns.max() - 360) <= 3
    assert abs(rows.min() - 135) <= 3
    assert abs(rows.max() - 195) <= 3

"""What is looked at, and how large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.message import Box
from seccam_security import regions
from seccam_security.faces import Face, area, intersection
from seccam_security.regions import FRAME_PIXELS, PIECE_PIXELS, Region

PICTURE: Box = (0, 0, 1280, 720)
FULL = 1280 * 720


def chosen(moved: list[Box], known: list[Face] | None = None, *, full_scan_due: bool = False, turn: int = 0) -> list[Region]:
    return regions.choose(PICTURE, moved, known or [], full_scan_width=640, full_scan_due=full_scan_due, smallest=24, turn=turn)


def holds(region: Region, box: Box) -> bool:
    return intersection(region.box, box) == box


def test_nothing_is_looked_at_where_nothing_moved() -> None:
    assert chosen([]) == []


def test_the_whole_picture_is_looked_at_scaled_down() -> None:
    [region] = chosen([], full_scan_due=True)

    assert (region.box, region.scale, region.full_scan) == (PICTURE, 0.5, True)


def test_an_upright_picture_is_scaled_by_its_height() -> None:
    assert regions.full_scan((0, 0, 1080, 1920), 640).scale == pytest.approx(1 / 3)


def test_a_small_picture_is_not_enlarged() -> None:
    assert regions.full_scan((0, 0, 320, 240), 640).scale == 1


def test_what_moved_little_is_looked_at_enlarged_and_with_a_margin() -> None:
    [region] = chosen([(600, 300, 24, 32)])

    assert holds(region, (560, 260, 104, 112))
    assert region.scale == 1.5
    assert region.cost < FULL / 8


def test_what_moved_at_the_edge_is_looked_at_within_the_picture() -> None:
    [region] = chosen([(1264, 0, 16, 16)])

    assert holds(region, (1264, 0, 16, 16))
    assert holds(Region(PICTURE, 1), region.box)


def test_two_close_by_are_looked_at_together() -> None:
    assert len(chosen([(600, 300, 24, 32), (650, 320, 24, 32)])) == 1


def test_two_far_apart_are_looked_at_apart() -> None:
    assert len(chosen([(100, 100, 24, 32), (1000, 500, 24, 32)])) == 2


def test_a_person_close_by_is_looked_at_in_one_piece() -> None:
    [region] = chosen([(400, 100, 240, 500)])

    assert region.scale == 1


def test_what_is_too_large_for_a_piece_is_looked_at_in_pieces_and_from_afar() -> None:
    whole, *pieces = chosen([(100, 100, 700, 500)])

    assert whole.full_scan
    assert len(pieces) >= 2
    assert all(area(piece.box) <= PIECE_PIXELS for piece in pieces)


def test_a_known_face_is_looked_at_whole_where_something_moved_at_it() -> None:
    face = Face((500, 300, 60, 80), 0.9)
    [region] = chosen([(540, 340, 16, 16)], [face])

    assert holds(region, face.box)


def test_a_still_face_too_small_for_the_whole_is_looked_at_again_with_it() -> None:
    small, large = Face((200, 200, 20, 26), 0.9), Face((900, 300, 60, 80), 0.9)
    whole, part = chosen([], [small, large], full_scan_due=True)

    assert whole.full_scan
    assert holds(part, small.box)
    assert not holds(part, large.box)


def test_a_picture_full_of_motion_costs_no_more_than_a_frame_may_and_has_its_turn_piece_by_piece() -> None:
    frames = [chosen([PICTURE], turn=turn) for turn in range(4)]

    assert all(sum(region.cost for region in frame if not region.full_scan) <= FRAME_PIXELS for frame in frames)
    assert all(frame[0].full_scan for frame in frames)
    seen = {(x, y) for frame in frames for region in frame if not region.full_scan for x, y in corners(region.box)}
    # within four frames, two seconds, all of it was looked at in full
    for x in range(0, 1280, 40):
        for y in range(0, 720, 40):
            assert any(holds(region, (x, y, 40, 40)) for frame in frames for region in frame if not region.full_scan), (x, y, seen)


def corners(box: Box) -> list[tuple[int, int]]:
    x, y, w, h = box
    return [(x, y), (x + w, y + h)]


boxes = st.builds(
    lambda x, y, w, h: (x, y, min(w, 1280 - x), min(h, 720 - y)),
    st.integers(0, 1270),
    st.integers(0, 710),
    st.integers(1, 1280),
    st.integers(1, 720),
)
faces = st.builds(Face, boxes, st.floats(0, 1))


@given(st.lists(boxes, max_size=12), st.lists(faces, max_size=6), st.booleans(), st.integers(0, 1000))
def test_looks_lie_in_the_picture_and_cost_a_bounded_amount(
    moved: list[Box], known: list[Face], full_scan_due: bool, turn: int
) -> None:
    made = chosen(moved, known, full_scan_due=full_scan_due, turn=turn)

    assert all(holds(Region(PICTURE, 1), region.box) and area(region.box) > 0 for region in made)
    parts = [region for region in made if not region.full_scan]
    assert sum(region.cost for region in parts) <= FRAME_PIXELS
    assert len(made) - len(parts) <= 1
    assert bool(made) == bool(moved or full_scan_due)


@given(st.lists(boxes, min_size=1, max_size=3), st.integers(0, 5))
def test_all_that_moved_is_looked_at_or_the_whole_is(moved: list[Box], turn: int) -> None:
    made = chosen(moved, turn=turn)

    for box in moved:
        assert made[0].full_scan or any(holds(region, box) for region in made)


@given(boxes)
def test_pieces_cover_a_part_and_overlap_by_a_face(part: Box) -> None:
    pieces = regions.split(part)

    assert all(area(piece) <= PIECE_PIXELS for piece in pieces)
    x, y, w, h = part
    side = min(regions.OVERLAP, w, h)
    for at_x in range(x, x + w - side + 1, max(1, (w - side) // 7)):
        for at_y in range(y, y + h - side + 1, max(1, (h - side) // 7)):
            assert any(intersection(piece, (at_x, at_y, side, side))[2:] == (side, side) for piece in pieces)

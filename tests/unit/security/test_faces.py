"""Boxes, and faces found twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.message import Box
from seccam_security.faces import Face, distinct, intersection, same, union


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param((0, 0, 40, 50), (2, 3, 40, 50), True, id="a face found twice"),
        pytest.param((0, 0, 40, 50), (0, 30, 40, 20), True, id="a part of it, cut off by a look's edge"),
        pytest.param((0, 0, 40, 50), (30, 0, 40, 50), False, id="two who stand close"),
        pytest.param((0, 0, 40, 50), (100, 0, 40, 50), False, id="two apart"),
    ],
)
def test_same(a: Box, b: Box, expected: bool) -> None:
    assert same(a, b) is expected


def test_of_two_finds_the_surer_one_is_kept() -> None:
    sure, unsure, other = Face((0, 0, 40, 50), 0.9), Face((3, 2, 40, 50), 0.8), Face((200, 0, 40, 50), 0.7)

    assert distinct([unsure, other, sure]) == [sure, other]


boxes = st.tuples(*[st.integers(-50, 50)] * 2, *[st.integers(1, 80)] * 2)


@given(boxes, boxes)
def test_what_two_boxes_share_lies_in_both_and_both_lie_in_their_union(a: Box, b: Box) -> None:
    both, shared = union(a, b), intersection(a, b)

    assert intersection(a, both) == a
    assert intersection(b, both) == b
    if shared[2] and shared[3]:
        assert intersection(shared, a) == shared == intersection(shared, b)


@given(st.lists(st.builds(Face, boxes, st.floats(0, 1)), max_size=8))
def test_what_is_kept_is_distinct_and_nothing_is_lost(found: list[Face]) -> None:
    kept = distinct(found)

    assert all(not same(a.box, b.box) for i, a in enumerate(kept) for b in kept[:i])
    assert all(any(same(face.box, other.box) for other in kept) for face in found)
    assert distinct(kept) == kept

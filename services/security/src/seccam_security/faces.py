"""Faces in a picture, and arithmetic on boxes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seccam.message import Box

#: Two boxes are the same face if they share more than this part of the smaller one.
_SAME = 0.5


@dataclass(frozen=True)
class Face:
    """One face in a picture."""

    #: x, y, width, height in pixels of the whole picture.
    box: Box
    #: 0 to 1.
    score: float


def intersection(a: Box, b: Box) -> Box:
    """The overlap of two boxes; width or height is 0 if there is none."""
    x, y = max(a[0], b[0]), max(a[1], b[1])
    return x, y, max(0, min(a[0] + a[2], b[0] + b[2]) - x), max(0, min(a[1] + a[3], b[1] + b[3]) - y)


def union(a: Box, b: Box) -> Box:
    """The smallest box around two."""
    x, y = min(a[0], b[0]), min(a[1], b[1])
    return x, y, max(a[0] + a[2], b[0] + b[2]) - x, max(a[1] + a[3], b[1] + b[3]) - y


def area(box: Box) -> int:
    """Pixels in a box."""
    return box[2] * box[3]


def distinct(found: Iterable[Face]) -> list[Face]:
    """Each face once, with its highest score: overlapping regions find the same face, or a part of it, twice."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda f: f.score, reverse=True):
        if not any(same(face.box, other.box) for other in kept):
            kept.append(face)
    return kept


def same(a: Box, b: Box) -> bool:
    """Whether two boxes contain the same face."""
    return area(intersection(a, b)) > _SAME * min(area(a), area(b))

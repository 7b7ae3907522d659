"""Faces found in a picture, and the arithmetic of boxes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seccam.message import Box

#: Two finds are one face if their boxes share this much of the smaller one.
_SAME = 0.5


@dataclass(frozen=True)
class Face:
    """One face in a picture."""

    #: x, y, width, height in pixels of the whole picture.
    box: Box
    #: 0 to 1.
    score: float


def intersection(a: Box, b: Box) -> Box:
    """What two boxes share; its width or height is 0 if that is nothing."""
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
    """Each face once, the surest find of it: overlapping looks find the same face twice, or a part of it."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda f: f.score, reverse=True):
        if not any(same(face.box, other.box) for other in kept):
            kept.append(face)
    return kept


def same(a: Box, b: Box) -> bool:
    """Whether two boxes are around one face."""
    return area(intersection(a, b)) > _SAME * min(area(a), area(b))

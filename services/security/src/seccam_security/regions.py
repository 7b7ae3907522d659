"""Which parts of a picture the detector looks at, and how large. Pure.

A detector's time goes by pixels, and it finds faces down to some 20 pixels in what it is given. So the whole picture is
looked at scaled down, now and then, and what moved at full resolution, or larger where it is small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seccam.message import Box
from seccam_security.faces import Face, area, intersection, union

#: Pixels around what moved that are looked at with it: a head moves while the shoulders hardly do.
MARGIN = 40
#: Least side of a part that is looked at, pixels; smaller ones are grown to it.
LEAST_SIDE = 200
#: A part of fewer pixels than this is enlarged towards it, at most by this factor: a face of 20 pixels is found surely at 30.
ENLARGED_PIXELS, MOST_ENLARGED = 300 * 300, 1.5
#: Pixels of one look at full resolution; a larger part is looked at in pieces.
PIECE_PIXELS = 640 * 360
#: Pieces overlap by this much, so that a face is whole in one of them; a larger one is seen by the look at the whole.
OVERLAP = 80
#: Pixels that the looks at parts of one frame come to, at most; what is left over has its turn with the next frames.
FRAME_PIXELS = 2 * PIECE_PIXELS
#: This much of a face within a look is as good as all of it: finds differ by some pixels.
_COVERED = 0.9


@dataclass(frozen=True)
class Region:
    """A part of the picture as the detector gets it."""

    #: x, y, width, height in pixels of the picture.
    box: Box
    #: Pixels of the detector's input for each of the picture's.
    scale: float
    #: Whether this is the look at the whole picture.
    full_scan: bool = False

    @property
    def cost(self) -> float:
        """Pixels that the detector gets."""
        return area(self.box) * self.scale**2

    def covers(self, face: Face) -> bool:
        """Whether this look would show the face, were it still there."""
        return area(intersection(face.box, self.box)) >= _COVERED * area(face.box)


def full_scan(picture: Box, width: int) -> Region:
    """The look at the whole picture, its longer side scaled down to `width`."""
    return Region(picture, min(1.0, width / max(picture[2], picture[3])), full_scan=True)


def choose(
    picture: Box,
    moved: Sequence[Box],
    known: Sequence[Face],
    *,
    full_scan_width: int,
    full_scan_due: bool,
    smallest: int,
    turn: int,
) -> list[Region]:
    """What to look at in a frame, the whole picture first if it is due; nothing if nothing moved and it isn't.

    `moved` are boxes in pixels; `known` are the faces remembered; `smallest` is the least face, in pixels of its input,
    that the detector finds surely; `turn` (any number that grows by one with each frame looked at) says whose turn it is
    where there is more to look at than a frame may cost.
    """
    overall = full_scan(picture, full_scan_width)
    parts = [_with_faces(grown(box, MARGIN, picture), known, picture) for box in moved]
    if full_scan_due:
        # still faces too small for the look at the whole would be forgotten with it
        parts += [grown(face.box, MARGIN, picture) for face in known if face.box[3] * overall.scale < smallest]
    parts = joined([grown(part, 0, picture, least=LEAST_SIDE) for part in parts])
    pieces = [piece for part in parts for piece in split(part)]
    chosen = _affordable([Region(piece, enlargement(piece)) for piece in pieces], turn)
    # a part in pieces may hold a face larger than a piece shows, and what is left over is at least seen from afar
    return [overall, *chosen] if full_scan_due or len(pieces) > len(parts) or len(chosen) < len(pieces) else chosen


def grown(box: Box, margin: int, picture: Box, least: int = 0) -> Box:
    """The box with a margin, at least `least` a side, shifted and cut to lie in the picture."""
    x, w = _grown(box[0], box[2], margin, least, picture[2])
    y, h = _grown(box[1], box[3], margin, least, picture[3])
    return x, y, w, h


def _grown(start: int, length: int, margin: int, least: int, limit: int) -> tuple[int, int]:
    """One side of a grown box: start and length."""
    low, high = max(0, start - margin), min(limit, start + length + margin)
    wanted = min(limit, max(least, high - low))
    low = min(max(0, low - (wanted - (high - low)) // 2), limit - wanted)
    return low, wanted


def _with_faces(box: Box, known: Sequence[Face], picture: Box) -> Box:
    """The box with all of each known face that it touches, so that it can tell whether that one is still there."""
    for face in known:
        if area(intersection(box, face.box)):
            box = union(box, grown(face.box, MARGIN // 4, picture))
    return box


def joined(parts: Sequence[Box]) -> list[Box]:
    """The parts, two as one wherever that is no more to look at than both."""
    rest = list(parts)
    done: list[Box] = []
    while rest:
        part = rest.pop()
        for other in rest:
            both = union(part, other)
            if area(both) <= area(part) + area(other):
                rest.remove(other)
                rest.append(both)
                break
        else:
            done.append(part)
    return done


def split(part: Box) -> list[Box]:
    """The part in overlapping pieces of at most PIECE_PIXELS, halved along the longer side as often as it takes."""
    if area(part) <= PIECE_PIXELS:
        return [part]
    x, y, w, h = part
    if w >= h:
        half = (w + OVERLAP) // 2
        return [*split((x, y, half, h)), *split((x + w - half, y, half, h))]
    half = (h + OVERLAP) // 2
    return [*split((x, y, w, half)), *split((x, y + h - half, w, half))]


def enlargement(part: Box) -> float:
    """The scale at which a part is looked at: 1, or more if it is small."""
    return max(1.0, min(MOST_ENLARGED, math.sqrt(ENLARGED_PIXELS / area(part))))


def _affordable(wanted: Sequence[Region], turn: int) -> list[Region]:
    """As many as a frame may cost, at least one; the next turn begins with others."""
    if sum(region.cost for region in wanted) <= FRAME_PIXELS:
        return list(wanted)
    start = turn * max(1, int(FRAME_PIXELS * len(wanted) / sum(region.cost for region in wanted))) % len(wanted)
    chosen: list[Region] = []
    spent = 0.0
    for region in (*wanted[start:], *wanted[:start]):
        spent += region.cost
        if chosen and spent > FRAME_PIXELS:
            break
        chosen.append(region)
    return chosen

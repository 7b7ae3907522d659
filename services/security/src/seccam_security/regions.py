"""Which regions of a picture the detector searches, and at which scale. Pure.

A detector's time is proportional to the pixels that it gets, and it finds faces down to about 20 pixels. So the whole picture
is scanned now and then, scaled down, and what moved is searched at full resolution, or enlarged if it is small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seccam.message import Box
from seccam_security.faces import Face, area, intersection, union

#: Margin in pixels around what moved: a head moves while the shoulders hardly do.
MARGIN = 40
#: Least side of a region, pixels; smaller ones are grown.
LEAST_SIDE = 200
#: A region with fewer pixels than this is enlarged, at most by this factor: a face of 20 pixels is found reliably at 30.
ENLARGED_PIXELS, MOST_ENLARGED = 300 * 300, 1.5
#: Pixels of a region at full resolution; a larger part is split into pieces.
PIECE_PIXELS = 640 * 360
#: Overlap of pieces in pixels, so that a face is complete in one of them; the full scan finds larger faces.
OVERLAP = 80
#: Largest total of a frame's regions in pixels; the rest is searched in the next frames.
FRAME_PIXELS = 2 * PIECE_PIXELS
#: A region covers a face if it contains this part of its box, because boxes vary by some pixels.
_COVERED = 0.9


@dataclass(frozen=True)
class Region:
    """A part of the picture that the detector searches."""

    #: x, y, width, height in pixels of the picture.
    box: Box
    #: Scale of the detector's input relative to the picture.
    scale: float
    #: Whether this is the whole picture.
    full_scan: bool = False

    @property
    def cost(self) -> float:
        """Pixels of the detector's input."""
        return area(self.box) * self.scale**2

    def covers(self, face: Face) -> bool:
        """Whether the detector would find the face in this region if it were still there."""
        return area(intersection(face.box, self.box)) >= _COVERED * area(face.box)


def full_scan(picture: Box, width: int) -> Region:
    """The whole picture, with its longer side scaled down to `width`."""
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
    """The regions of a frame to search: the full scan first, if it is due; none if nothing moved and it is not.

    `moved` are boxes in pixels; `known` are the remembered faces; `smallest` is the height in pixels of the smallest face that
    the detector finds reliably; `turn` grows by one with each analysed frame and decides which regions come first when there
    are more than a frame may cost.
    """
    overall = full_scan(picture, full_scan_width)
    parts = [_with_faces(grown(box, MARGIN, picture), known, picture) for box in moved]
    if full_scan_due:
        # the full scan would forget still faces that are too small for it
        parts += [grown(face.box, MARGIN, picture) for face in known if face.box[3] * overall.scale < smallest]
    parts = joined([grown(part, 0, picture, least=LEAST_SIDE) for part in parts])
    pieces = [piece for part in parts for piece in split(part)]
    chosen = _affordable([Region(piece, enlargement(piece)) for piece in pieces], turn)
    # a face may be larger than a piece, and regions that must wait are at least in the full scan
    return [overall, *chosen] if full_scan_due or len(pieces) > len(parts) or len(chosen) < len(pieces) else chosen


def grown(box: Box, margin: int, picture: Box, least: int = 0) -> Box:
    """The box with a margin and sides of at least `least`, shifted and cut to fit into the picture."""
    x, w = _grown(box[0], box[2], margin, least, picture[2])
    y, h = _grown(box[1], box[3], margin, least, picture[3])
    return x, y, w, h


def _grown(start: int, length: int, margin: int, least: int, limit: int) -> tuple[int, int]:
    """Start and length of one side of a grown box."""
    low, high = max(0, start - margin), min(limit, start + length + margin)
    wanted = min(limit, max(least, high - low))
    low = min(max(0, low - (wanted - (high - low)) // 2), limit - wanted)
    return low, wanted


def _with_faces(box: Box, known: Sequence[Face], picture: Box) -> Box:
    """The box, extended to cover each known face that it touches, so that the search shows whether it is still there."""
    for face in known:
        if area(intersection(box, face.box)):
            box = union(box, grown(face.box, MARGIN // 4, picture))
    return box


def joined(parts: Sequence[Box]) -> list[Box]:
    """The parts, with pairs merged where the union is no larger than both together."""
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
    """The part as overlapping pieces of at most PIECE_PIXELS, halved repeatedly along the longer side."""
    if area(part) <= PIECE_PIXELS:
        return [part]
    x, y, w, h = part
    if w >= h:
        half = (w + OVERLAP) // 2
        return [*split((x, y, half, h)), *split((x + w - half, y, half, h))]
    half = (h + OVERLAP) // 2
    return [*split((x, y, w, half)), *split((x, y + h - half, w, half))]


def enlargement(part: Box) -> float:
    """The scale at which a part is searched: 1, or more if it is small."""
    return max(1.0, min(MOST_ENLARGED, math.sqrt(ENLARGED_PIXELS / area(part))))


def _affordable(wanted: Sequence[Region], turn: int) -> list[Region]:
    """As many regions as a frame may cost, at least one; the next turn starts with others."""
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

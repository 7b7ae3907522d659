"""From a frame to the faces in its picture: motion, regions, detector, memory. Uses neither broker nor clock."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from seccam.frame import Frame
from seccam.message import Box
from seccam_security import motion, regions, sight
from seccam_security.decode import CELL, Picture, Pixels, cut
from seccam_security.detectors.base import Detector
from seccam_security.faces import Face, area, distinct, intersection
from seccam_security.regions import Region

#: Steps of an analysis: the values of the label `step`.
STEPS = ("decode", "motion", "detect_moved", "detect_whole")


@dataclass
class Memory:
    """What a worker remembers of one camera's picture."""

    #: Width and height of the picture; everything else is void when they change.
    size: tuple[int, int] = (0, 0)
    #: Grey miniature of the last analysed frame; None = no frame yet.
    miniature: Pixels | None = None
    #: When the last full scan was, seconds of the caller's clock.
    full_scan_at: float = 0.0
    #: All faces in the picture, moving or still.
    faces: list[Face] = field(default_factory=list)
    #: Frames analysed; decides which regions come first when a frame has more than it may cost.
    turn: int = 0

    def forget(self, width: int, height: int) -> None:
        """Start over with pictures of this size."""
        self.size, self.miniature, self.faces = (width, height), None, []


@dataclass(frozen=True)
class Analysis:
    """The result for one frame."""

    #: False if nothing moved: the faces are those of the last analysed frame.
    analysed: bool
    #: All faces in the picture.
    faces: list[Face]
    #: The whole picture in RGB, at the scale at which it was decoded for the detector; None if it was not decoded.
    pixels: Pixels | None
    #: What the detector searched.
    regions: list[Region]
    #: How much there is to be seen in the picture, grey levels (`sight.detail`).
    detail: float
    #: Seconds of each step.
    steps: dict[str, float]


class Stopwatch:
    """Sums up seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time this block."""
        began = time.perf_counter()
        yield
        self.seconds[step] += time.perf_counter() - began


class Analyst:
    """Finds the faces in frames of any number of cameras."""

    def __init__(self, detector: Detector, *, full_scan_interval_seconds: float, full_scan_width: int) -> None:
        self._detector = detector
        self._full_scan_interval, self._full_scan_width = full_scan_interval_seconds, full_scan_width

    def analyse(self, frame: Frame, memory: Memory, now: float) -> Analysis:
        """The faces in the frame's picture. Updates `memory`, which is the camera's. Raises BadFrame.

        Motion is measured against the last frame that this worker analysed, so slow movements add up, however many frames
        other workers took in between.
        """
        watch = Stopwatch()
        picture = Picture(frame)
        if memory.size != (picture.width, picture.height):
            memory.forget(picture.width, picture.height)
        before = memory.miniature
        full_scan_due = before is None or now - memory.full_scan_at >= self._full_scan_interval
        pixels = None
        with watch("decode"):
            if full_scan_due:
                pixels = picture.colour(regions.full_scan(picture.box, self._full_scan_width).scale)
                miniature = picture.shrunk(pixels)
            else:
                miniature = picture.miniature()
        with watch("motion"):
            cells = [] if before is None else motion.moved(before, miniature)
            detail = sight.detail(miniature)
        moved = [_in_pixels(box, picture.box) for box in cells]
        chosen = regions.choose(
            picture.box,
            moved,
            memory.faces,
            full_scan_width=self._full_scan_width,
            full_scan_due=full_scan_due,
            smallest=self._detector.smallest,
            turn=memory.turn,
        )
        if not chosen:
            return Analysis(False, memory.faces, None, [], detail, watch.seconds)
        if pixels is None or len(chosen) > 1:
            with watch("decode"):
                pixels = picture.colour(max(region.scale for region in chosen))
        found = []
        for region in chosen:
            with watch("detect_whole" if region.full_scan else "detect_moved"):
                found += self._search(pixels, picture.box, region)
        memory.faces = _remember(memory.faces, found, chosen)
        memory.miniature = miniature
        memory.turn += 1
        if chosen[0].full_scan:
            memory.full_scan_at = now
        return Analysis(True, memory.faces, pixels, chosen, detail, watch.seconds)

    def _search(self, pixels: Pixels, picture: Box, region: Region) -> list[Face]:
        """The faces that the detector finds in a region, in pixels of the picture."""
        found = self._detector.find(cut(pixels, picture, region.box, region.scale))
        placed = (Face(_placed(face.box, region, picture), face.score) for face in found)
        return [face for face in placed if area(face.box)]


def _remember(known: list[Face], found: list[Face], regions: list[Region]) -> list[Face]:
    """All faces in the picture: those found, and known ones outside the searched regions, until the next full scan."""
    return distinct([*found, *(face for face in known if not any(region.covers(face) for region in regions))])


def _in_pixels(cells: Box, picture: Box) -> Box:
    x, y, w, h = cells
    return intersection((x * CELL, y * CELL, w * CELL, h * CELL), picture)


def _placed(box: Box, region: Region, picture: Box) -> Box:
    x, y, w, h = (round(v / region.scale) for v in box)
    return intersection((region.box[0] + x, region.box[1] + y, w, h), picture)

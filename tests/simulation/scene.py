"""What happens in front of a camera in a day, and the frames that it sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from tests.simulation.clock import MIDNIGHT

DAY = 24 * 3600.0
#: The visit gap of all, and how much further apart visits are, so that it is certain that they are two.
GAP, CERTAIN = 60.0, 20.0
#: Seconds between two security frames.
INTERVAL = 0.5


@dataclass
class TrueVisit:
    """People in front of one camera; times are true."""

    camera: str
    began: float
    ended: float
    faces: int
    #: When each of the frames was taken in which a worker found faces, and how many.
    found: list[tuple[float, int]] = field(default_factory=list)

    def frames(self, random: Random) -> Iterator[tuple[float, int]]:
        """When each frame is taken, and the faces to be found in it. People turn away, and a detector errs."""
        at, alone_until = self.began, self.began + random.uniform(0, 0.7) * (self.ended - self.began)
        away_from = random.uniform(self.began, self.ended)
        away_until = away_from + random.choice([0, 0, random.uniform(1, GAP / 2)])
        while at < self.ended:
            seen = 0 if away_from < at < away_until else self.faces if at > alone_until else 1
            error = random.random()
            yield at, max(0, seen - 1) if error < 0.1 else seen + 1 if seen and error > 0.995 else seen
            at += INTERVAL * random.uniform(0.9, 1.1)
        for late in (0.5, GAP / 3 + 1, GAP / 3 + 2):
            yield self.ended + late, 0


def visits(camera: str, random: Random) -> list[TrueVisit]:
    """A day's visits, far enough apart to be different ones."""
    found, at = [], MIDNIGHT + random.uniform(0, DAY / 4)
    while at < MIDNIGHT + DAY:
        length = random.choice([0.6, random.uniform(1, 20), random.uniform(20, 240)])
        found.append(TrueVisit(camera, at, at + length, random.choice([1, 1, 1, 2, 3])))
        soon, later = GAP + CERTAIN + random.uniform(0, 60), random.uniform(3600, DAY / 3)
        at += length + random.choice([soon, later, later])
    return found

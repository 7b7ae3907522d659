"""Whether a camera whose frames come can see. Pure: its state and a frame go in, what is new and the next state come out.

A worker knows only the frames that it was given. The numbers of the frames tell it whether the camera has sent others in
between, so each worker judges by its own frames, and several say the same. The notifier tells only what is new (`CameraStates`).
Where two workers contradict each other, the one that says that the camera can't see is believed: its word counts up to the last
frame that it has seen, the other's only from the first one, and it takes longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from seccam.message import CAMERA_CLEARED, CAMERA_COVERED, CAMERA_FROZEN, CameraEventType
from seccam_security.decode import Pixels

#: Detail, in grey levels, below which a picture is one tone, and from which on something can be seen in it. `bench.sight`
#: measures at most 0.37 where a lens is covered, and at least 0.41 at night and in fog (docs/benchmarks.md).
ONE_TONE, VISIBLE = 0.4, 0.45
#: Seconds that a camera must have seen for its trouble to be over. Longer than a lens is covered before it is reported, so that
#: in a contradiction that report comes first.
CLEAR_SECONDS = 15.0
#: Seconds between two frames of a camera, above which it sends pictures only now and then: if they are equal, that says nothing.
MOST_INTERVAL = 5.0
#: Frames that a verdict takes at least. The pictures of a video file repeat, so a worker that gets few of them may see one twice.
FEWEST = 3
#: Blocks across a picture, and least cells across a block. Of 1,280 pixels each block is the mean of 32 × 32, which leaves a
#: thirtieth of a sensor's noise.
_BLOCKS, _LEAST_CELLS = 40, 2


def detail(miniature: Pixels) -> float:
    """Standard deviation of the blocks of a picture from their surroundings, grey levels; `miniature`: shape (height, width).

    Light that falls off towards the edges is no detail. A picture too small to have blocks within it counts as full of it.
    """
    height, width = miniature.shape
    side = max(_LEAST_CELLS, width // _BLOCKS)
    if min(height, width) < 3 * side:
        return math.inf
    blocks = cv2.resize(miniature.astype(np.float32), (width // side, height // side), interpolation=cv2.INTER_AREA)
    within = (blocks - cv2.blur(blocks, (3, 3)))[1:-1, 1:-1]
    return float(cv2.meanStdDev(within)[1][0, 0])


class Look(NamedTuple):
    """One frame of a camera."""

    #: When it was taken, seconds since 1970 UTC.
    time: float
    boot_id: str
    seq: int
    #: Grey levels, see `detail`.
    detail: float
    #: The same for the same JPEG file.
    digest: int

    def follows(self, earlier: Look) -> bool:
        """Whether the camera has sent its frames regularly from the earlier one to this one."""
        frames = self.seq - earlier.seq
        return self.boot_id == earlier.boot_id and frames > 0 and 0 <= self.time - earlier.time <= MOST_INTERVAL * frames


class Change(NamedTuple):
    """What a worker has to say of a camera."""

    state: CameraEventType
    #: Covered and frozen: when the last frame was taken that shows it. Cleared: the first one.
    time: float
    #: It is the first that the worker says of this camera.
    initial: bool


@dataclass(frozen=True)
class Run:
    """Frames in a row that have something in common."""

    #: When the first one was taken.
    began: float
    frames: int = 1

    def with_one_more(self) -> Run:
        """The same with the next frame."""
        return replace(self, frames=self.frames + 1)

    def has_lasted(self, seconds: float, now: float) -> bool:
        """Whether it has lasted for so long."""
        return self.frames >= FEWEST and now - self.began >= seconds


@dataclass(frozen=True)
class Sight:
    """What a worker has seen and said of one camera."""

    #: What it has said last; None: nothing yet.
    state: CameraEventType | None = None
    last: Look | None = None
    #: The latest frames, as far as they are the same file, show one tone, and show something that changes.
    same: Run | None = None
    one_tone: Run | None = None
    clear: Run | None = None

    def see(self, look: Look, *, covered: float, frozen: float, slow: bool = False) -> tuple[Change | None, Sight]:
        """The change that a frame brings, and the state once it is published.

        `covered` and `frozen` are the seconds after which each is reported; 0: never. `slow`: the camera may send pictures
        only now and then.
        """
        known = self if self.last and (slow or look.follows(self.last)) else Sight(self.state)
        same = _run(known.same if known.last and known.last.digest == look.digest else None, look)
        sees = not covered or look.detail >= VISIBLE
        moves = not frozen or look.time - same.began < MOST_INTERVAL
        after = Sight(
            self.state,
            look,
            same,
            _run(known.one_tone, look) if covered and look.detail < ONE_TONE else None,
            _run(known.clear, look) if sees and moves else None,
        )
        change = after._change(covered, frozen)
        return change, replace(after, state=change.state) if change else after

    def _change(self, covered: float, frozen: float) -> Change | None:
        assert self.last is not None
        now = self.last.time
        state, time = self.state, now
        if self.one_tone and self.one_tone.has_lasted(covered, now):
            state = CAMERA_COVERED
        elif frozen and self.same and self.same.has_lasted(frozen, now):
            state = CAMERA_FROZEN
        elif self.clear and self.clear.has_lasted(CLEAR_SECONDS, now):
            state, time = CAMERA_CLEARED, self.clear.began
        if state is None or state == self.state:
            return None
        return Change(state, time, initial=self.state is None)


def _run(known: Run | None, look: Look) -> Run:
    return known.with_one_more() if known else Run(look.time)

"""Which picture a viewer of `/ws` gets next, and how many may be on the way to it. Pure: times come in as arguments.

A browser's WebSocket has no back-pressure, and a send returns when some buffer on the way holds the bytes. So the page
acknowledges each picture, and what is unacknowledged is bounded by a window that shrinks when acknowledgements take
longer than they could (as TCP Vegas does with round trips). Of each camera only the newest picture waits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

#: Pictures of one camera that may be on the way.
PER_CAMERA = 6
#: Pictures on the way at first.
FIRST_WINDOW = 2.0
#: Seconds by which an acknowledgement may be later than the quickest of the last DELAYS.
TOLERANCE = 0.25
DELAYS = 400
#: Seconds between two halvings: one queue is to be answered once.
HALVING = 0.5
#: Seconds with pictures on the way and no acknowledgement, after which the viewer is given up.
PATIENCE = 10.0


class Window:
    """What one viewer watches, what waits for it and what is on its way."""

    def __init__(self) -> None:
        self.size = FIRST_WINDOW
        self._watched: frozenset[int] = frozenset()
        #: Cameras with a picture that this viewer hasn't got; the one that waits longest first, so they take turns.
        self._waiting: dict[int, None] = {}
        #: (camera, sequence) -> when it was sent.
        self._out: dict[tuple[int, int], float] = {}
        self._out_of = Counter[int]()
        self._delays: deque[float] = deque(maxlen=DELAYS)
        self._halved = float("-inf")
        self._progress = 0.0

    def watch(self, cameras: Iterable[int]) -> frozenset[int]:
        """From now on the viewer wants these; those which it didn't before."""
        before, self._watched = self._watched, frozenset(cameras)
        self._waiting = {i: None for i in self._waiting if i in self._watched}
        self.size = min(self.size, self._largest())
        return self._watched - before

    def watches(self, camera: int) -> bool:
        """Whether the viewer wants this camera."""
        return camera in self._watched

    def picture_ready(self, camera: int) -> bool:
        """A watched camera has a new picture; True if another one was waiting, which is skipped for it."""
        skipped = camera in self._waiting
        self._waiting[camera] = None
        return skipped

    def next(self) -> int | None:
        """The camera whose newest picture is to be sent now; None if none waits or the window is full."""
        if len(self._out) >= int(self.size):
            return None
        camera = next((i for i in self._waiting if self._out_of[i] < PER_CAMERA), None)
        if camera is not None:
            del self._waiting[camera]
        return camera

    def sent(self, camera: int, sequence: int, now: float) -> None:
        """A picture is on its way."""
        if not self._out:
            self._progress = now
        if (camera, sequence) not in self._out:
            self._out_of[camera] += 1
        self._out[camera, sequence] = now

    def ack(self, camera: int, sequence: int, now: float) -> None:
        """The viewer is done with this picture."""
        full = len(self._out) >= int(self.size)
        sent = self._out.pop((camera, sequence), None)
        if sent is None:
            return
        self._out_of[camera] -= 1
        self._progress = now
        delay = now - sent
        self._delays.append(delay)
        if delay > min(self._delays) + TOLERANCE:
            if now - self._halved >= HALVING:
                self.size, self._halved = max(1.0, self.size / 2), now
        elif full:
            self.size = min(self.size + 1 / self.size, self._largest())

    def stalled(self, now: float) -> bool:
        """Whether pictures are on the way and no acknowledgement has come for too long."""
        return bool(self._out) and now - self._progress > PATIENCE

    def _largest(self) -> float:
        return float(max(1, PER_CAMERA * len(self._watched)))

"""Which picture a viewer of `/ws` gets next, and how many may be in flight. Pure: times are arguments.

A browser's WebSocket has no back-pressure: a send returns as soon as some buffer on the way holds the bytes. So the page
acknowledges each picture, and a window bounds the unacknowledged ones. It shrinks when acknowledgements are delayed, as
TCP Vegas does with round trips. Only the newest picture of each camera waits.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

#: Pictures of one camera that may be in flight.
PER_CAMERA = 6
#: Initial size of the window.
FIRST_WINDOW = 2.0
#: Seconds that an acknowledgement may take longer than the fastest of the last DELAYS.
TOLERANCE = 0.25
DELAYS = 400
#: Least seconds between two halvings, so that one queue is answered once.
HALVING = 0.5
#: Seconds without an acknowledgement, while pictures are in flight, after which the viewer is disconnected.
PATIENCE = 10.0


class Window:
    """What one viewer watches, what waits for it and what is in flight."""

    def __init__(self) -> None:
        self.size = FIRST_WINDOW
        self._watched: frozenset[int] = frozenset()
        #: Cameras with a picture that this viewer doesn't have; the longest waiting first, so that they take turns.
        self._waiting: dict[int, None] = {}
        #: When each picture in flight was sent, by (camera, sequence).
        self._out: dict[tuple[int, int], float] = {}
        self._out_of = Counter[int]()
        self._delays: deque[float] = deque(maxlen=DELAYS)
        self._halved = float("-inf")
        self._progress = 0.0

    def watch(self, cameras: Iterable[int]) -> frozenset[int]:
        """Set the cameras that the viewer watches; returns those that it didn't watch before."""
        before, self._watched = self._watched, frozenset(cameras)
        self._waiting = {i: None for i in self._waiting if i in self._watched}
        self.size = min(self.size, self._largest())
        return self._watched - before

    def watches(self, camera: int) -> bool:
        """Whether the viewer watches this camera."""
        return camera in self._watched

    def picture_ready(self, camera: int) -> bool:
        """A watched camera has a new picture; returns whether it replaces one that was waiting, which is skipped."""
        skipped = camera in self._waiting
        self._waiting[camera] = None
        return skipped

    def next(self) -> int | None:
        """The camera whose newest picture to send now; None if none waits or the window is full."""
        if len(self._out) >= int(self.size):
            return None
        camera = next((i for i in self._waiting if self._out_of[i] < PER_CAMERA), None)
        if camera is not None:
            del self._waiting[camera]
        return camera

    def sent(self, camera: int, sequence: int, now: float) -> None:
        """Record that a picture was sent."""
        if not self._out:
            self._progress = now
        if (camera, sequence) not in self._out:
            self._out_of[camera] += 1
        self._out[camera, sequence] = now

    def ack(self, camera: int, sequence: int, now: float) -> None:
        """Record that the viewer is done with this picture."""
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
        """Whether pictures are in flight and no acknowledgement has come for PATIENCE seconds."""
        return bool(self._out) and now - self._progress > PATIENCE

    def _largest(self) -> float:
        return float(max(1, PER_CAMERA * len(self._watched)))

"""Whether the workers keep up with the frames of all cameras, by what they say in their detections. Pure."""

from __future__ import annotations

import threading
from collections import deque

#: What is looked at, seconds.
WINDOW = 30.0
#: Frames that must have been dropped in that time, and the share of analysed ones below which the workers don't keep up.
_DROPPED, _ENOUGH = 5, 0.9
#: Detections that are remembered.
_MOST = 5000


class Workload:
    """Filled by the broker's thread, asked by the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: (monotonic seconds, frames analysed, frames dropped) of each detection.
        self._detections: deque[tuple[float, int, int]] = deque(maxlen=_MOST)

    def add(self, analysed: int, dropped: int, now: float) -> None:
        """A worker has said what became of its last frames of a camera."""
        with self._lock:
            self._detections.append((now, analysed, dropped))

    def share(self, now: float) -> float | None:
        """The share of frames that the workers analyse; None if they keep up."""
        with self._lock:
            recent = [(analysed, dropped) for time, analysed, dropped in self._detections if now - time <= WINDOW]
        analysed, dropped = (sum(numbers) for numbers in zip(*recent, strict=True)) if recent else (0, 0)
        share = analysed / max(1, analysed + dropped)
        return share if dropped >= _DROPPED and share < _ENOUGH else None

"""Selects the frames of a source that a topic carries: at the topic's rate, as evenly spaced as the source allows. Pure."""

from __future__ import annotations

import math
import zlib

#: Share of a frame's deviation by which the due times are shifted. With a source of twice the rate this settles on every second
#: frame within a second, and a single late frame has little effect.
_CORRECTION = 0.1
#: A source whose mean interval exceeds this share of the topic's is not thinned, however uneven its frames.
_MIN_THINNING_RATIO = 0.97
#: Weight of a new interval in the running mean.
_SMOOTHING = 0.05


def phase(name: str) -> float:
    """A camera's offset within a topic's interval, 0 to 1, so that cameras don't all send at once."""
    return zlib.crc32(name.encode()) / 2**32


class Pacer:
    """Selects the frames of one topic.

    Due times form a grid with a spacing of 1/rate. The frame nearest to a due time is selected, and the grid moves slightly
    towards it. A fixed grid would drift across the source's frames, and alternate between the frames before and after it.
    """

    def __init__(self, rate: float, phase: float = 0.0) -> None:
        self._period = 1 / rate
        self._offset = phase * self._period
        self._due: float | None = None
        self._last = 0.0
        #: Mean seconds between the source's frames.
        self._interval = 0.0

    def due(self, now: float) -> bool:
        """Whether to select the frame captured at `now` (monotonic seconds); call it once for each frame, in order."""
        if self._due is None or now - self._due > self._period:  # the first frame, or one after a pause: start a new grid
            self._due = self._offset + math.floor((now - self._offset) / self._period) * self._period + self._period
            self._interval = 0.0 if self._interval == 0.0 else self._measured(now)
            self._last = now
            return True
        self._interval = self._measured(now)
        self._last = now
        early = self._due - now
        if self._interval < _MIN_THINNING_RATIO * self._period and early > self._interval / 2:
            return False
        self._due += self._period - _CORRECTION * early
        return True

    def _measured(self, now: float) -> float:
        gap = max(0.0, now - self._last)
        return gap if self._interval == 0.0 else self._interval + _SMOOTHING * (min(gap, 4 * self._interval) - self._interval)

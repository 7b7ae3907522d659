"""Which of a source's frames a topic carries: as even as the source allows, at the topic's rate. Pure."""

from __future__ import annotations

import math
import zlib

#: Share of an error that the due times follow the source by: enough to settle on every second frame of twice the rate
#: in a second, too little to follow a single late frame.
_CORRECTION = 0.1
#: A source whose frames come this close to the rate is not thinned, however uneven they come.
_MIN_THINNING_RATIO = 0.97
#: Share of a new interval in the running mean.
_SMOOTHING = 0.05


def phase(name: str) -> float:
    """A camera's own place within the interval of a rate, 0 to 1: so that many cameras don't send all at once."""
    return zlib.crc32(name.encode()) / 2**32


class Pacer:
    """Chooses the frames of one topic.

    Due times are a grid of 1/rate. The frame nearest to a due time is taken, and the grid is drawn a little towards
    it: a grid left alone drifts across the source's frames, and takes now the one before, now the one after.
    """

    def __init__(self, rate: float, phase: float = 0.0) -> None:
        self._period = 1 / rate
        self._offset = phase * self._period
        self._due: float | None = None
        self._last = 0.0
        #: Mean seconds between the source's frames.
        self._interval = 0.0

    def due(self, now: float) -> bool:
        """Whether the frame taken `now` (monotonic seconds) is the topic's next one; asked once for each frame in turn."""
        if self._due is None or now - self._due > self._period:  # the first one, or too late for its time: start anew
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

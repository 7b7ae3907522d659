"""How long to wait between attempts. Pure but for its jitter."""

from __future__ import annotations

import random


class Backoff:
    """Delays between attempts: each twice the one before, up to a limit, and shortened by a random part."""

    def __init__(self, first: float, limit: float, *, jitter: float = 0.0) -> None:
        """`first` and `limit` are seconds; `jitter` is the largest share, 0 to 1, that a delay is shortened by."""
        self._first, self._limit, self._jitter = first, limit, jitter
        self._next = first

    def next_delay(self) -> float:
        """Seconds to wait after the attempt that has just failed."""
        delay, self._next = self._next, min(2 * self._next, self._limit)
        return delay * random.uniform(1 - self._jitter, 1)  # noqa: S311  # no secret

    def reset(self) -> None:
        """Begin with the first delay again, after an attempt that succeeded."""
        self._next = self._first

"""Simulated time, and what is to happen in it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, tzinfo

#: When a simulated day begins: seconds since 1970 UTC.
MIDNIGHT = 1_790_000_000.0


class Clock:
    """Stands in for the modules `time` and `datetime` of a program, whose clock may be wrong."""

    def __init__(self) -> None:
        #: The true time, and what the clock of the program that runs shows beyond it.
        self.true, self.skew = MIDNIGHT, 0.0
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        """As `time.time`."""
        return self.true + self.skew

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return self.true

    def now(self, zone: tzinfo) -> datetime:
        """As `datetime.now`."""
        return datetime.fromtimestamp(self.time(), zone)

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call this at this true time."""
        heapq.heappush(self._agenda, (max(when, self.true), next(self._order), call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call this so many seconds from now."""
        self.at(self.true + seconds, call)

    def run(self) -> None:
        """Let everything happen."""
        while self._agenda:
            self.true, _, call = heapq.heappop(self._agenda)
            call()

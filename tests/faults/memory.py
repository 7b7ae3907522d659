"""Resident memory of processes, sampled for as long as they and their successors run."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import median

import psutil

from tests.processes import resident

#: Seconds between two samples.
EVERY = 10.0
#: Seconds at the beginning, and at the end, that are compared.
SPAN = 600.0
#: Growth between them that counts as creeping: this part, and more than so many MB.
GROWTH, LEAST = 0.1, 5.0
_MB = 1024.0**2


class Memory(threading.Thread):
    """Samples each process that `pids` names, until it is stopped."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        super().__init__(name="memory", daemon=True)
        self._pids, self._enough = pids, threading.Event()
        self._began = time.monotonic()
        #: By name: when, monotonic seconds, and how much, MB.
        self._samples: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)

    def run(self) -> None:
        """Sample until `stop`."""
        while not self._enough.wait(EVERY):
            for name, pid in self._pids().items():
                if used := resident_mb(pid):
                    self._samples[name].append((time.monotonic(), used))

    def stop(self) -> None:
        """Sample no more."""
        self._enough.set()
        self.join()

    def compared(self) -> dict[str, tuple[float, float]]:
        """By name, the median at the beginning and at the end, MB."""
        ended = time.monotonic()
        span = min(SPAN, (ended - self._began) / 3)
        found = {}
        for name, samples in self._samples.items():
            first = [mb for at, mb in samples if at - self._began < span]
            last = [mb for at, mb in samples if ended - at < span]
            if first and last:
                found[name] = (median(first), median(last))
        return found


def creeps(first: float, last: float) -> bool:
    """Whether memory has grown by more than chance."""
    return last > first * (1 + GROWTH) and last > first + LEAST


def resident_mb(pid: int) -> float:
    """Resident memory of a process, MB; 0 if it is gone."""
    try:
        return resident(pid) / _MB
    except psutil.NoSuchProcess:
        return 0.0

"""Scripted sources."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from seccam_camera.metrics import CameraMetrics
from seccam_camera.sources.base import Capture, SourceLost, StopToken
from tests.unit.camera.pictures import picture

JPEG = picture(64, 48)


class Script:
    """A source that opens or refuses as scripted, and yields the pictures or raises the errors put in."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.refusal: Exception | None = None
        #: If true, reads ignore a stop, as those of PyAV on a device without data.
        self.deaf = False
        self.let_go = threading.Event()
        self._given: queue.Queue[Capture | Exception] = queue.Queue()

    def open(self, stop: StopToken) -> Script:
        if self.refusal is not None:
            raise self.refusal
        self.opened += 1
        self._stop = stop
        return self

    def give(self, thing: bytes | Callable[[int], bytes] | Exception = JPEG) -> None:
        self._given.put(thing if isinstance(thing, Exception) else Capture(time.time(), time.monotonic(), thing))

    def read(self) -> Capture:
        while True:
            try:
                thing = self._given.get(timeout=0.01)
            except queue.Empty:
                if self.let_go.is_set() or (self._stop.is_set() and not self.deaf):
                    raise SourceLost("ended", "stopped") from None
                continue
            if isinstance(thing, Exception):
                raise thing
            return thing

    def close(self) -> None:
        self.closed += 1


def metrics(registry: CollectorRegistry) -> CameraMetrics:
    return CameraMetrics(registry, "front", {"view": 15, "security": 2})

"""The frames that wait for a worker: the newest of each camera, in turn.

All cameras share the work queue, and its oldest frames are dropped when it is full. If it were the place where frames wait, a
camera that sends fifty frames a second would push out those of the others. So a worker takes frames out of the queue as fast
as they come, and a camera with many frames replaces only its own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from seccam import topology
from seccam.broker import Delivery

#: Cameras whose frames may wait in one worker; the broker keeps the frames of further ones.
MOST_WAITING = 64
#: Bytes that may wait in one worker, unless a single frame is larger.
MOST_BYTES = 32 * 1024 * 1024


class Waiting(NamedTuple):
    """A camera's newest frame, and how many of its frames were replaced since its last turn."""

    delivery: Delivery
    replaced: int


class Inbox:
    """Filled by the connection's thread, emptied by the worker's."""

    def __init__(self, on_replaced: Callable[[Delivery], None], most_bytes: int = MOST_BYTES) -> None:
        """`on_replaced` takes the frames that the worker will not get; it is called in the connection's thread."""
        self._on_replaced, self._most_bytes = on_replaced, most_bytes
        self._arrival = threading.Condition()
        #: By camera. A camera keeps its turn when its frame is replaced.
        self._waiting: OrderedDict[str | None, Waiting] = OrderedDict()
        self._bytes = 0

    def put(self, delivery: Delivery) -> None:
        """Let a frame wait, in the place of an older one of its camera."""
        camera = topology.camera_of(topology.SECURITY, delivery.key)  # None: those without a valid name count as one
        with self._arrival:
            older = self._waiting.get(camera)
            replaced = [older.delivery] if older else []
            self._waiting[camera] = Waiting(delivery, older.replaced + 1 if older else 0)
            self._bytes += len(delivery.body) - (len(older.delivery.body) if older else 0)
            while self._bytes > self._most_bytes and len(self._waiting) > 1:
                replaced.append(self._pop().delivery)
            self._arrival.notify()
        for one in replaced:
            self._on_replaced(one)

    def take(self, timeout: float) -> Waiting | None:
        """The frame of the camera that has waited longest for its turn; None if there is none for `timeout` seconds."""
        with self._arrival:
            self._arrival.wait_for(lambda: self._waiting, timeout)
            return self._pop() if self._waiting else None

    def _pop(self) -> Waiting:
        _, waiting = self._waiting.popitem(last=False)
        self._bytes -= len(waiting.delivery.body)
        return waiting

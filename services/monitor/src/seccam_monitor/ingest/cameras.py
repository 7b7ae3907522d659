"""What is known of each camera, above all its newest picture.

The broker's thread writes and the event loop reads. Shared values are replaced, never changed in place.
"""

from __future__ import annotations

import itertools
import statistics
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from seccam import topology
from seccam.frame import Frame
from seccam.frame_age import Age, AgeEstimator
from seccam.message import FrameIdentity
from seccam_monitor.ingest import status
from seccam_monitor.ingest.order import Order
from seccam_monitor.ingest.status import LastStatus, Limits
from seccam_monitor.viewers import protocol

#: Cameras that may be discovered, beyond the configured ones.
MAX_DISCOVERED = 64
#: Seconds without a frame or status after which a discovered camera is forgotten.
FORGET_SECONDS = 3600.0
#: Age on arrival beyond which a frame is dropped, seconds: that of the broker's queues.
OLDEST = topology.FRAME_TTL_MS / 1000


@dataclass(frozen=True)
class OutgoingPicture:
    """A camera's picture, ready to be sent; each form is made once, when it is first needed."""

    camera: int
    sequence: int
    flags: int
    #: By the monitor's monotonic clock, seconds.
    captured: float
    width: int
    height: int
    jpeg: bytes
    boot_id: str
    #: The camera's own sequence number.
    seq: int

    @cached_property
    def message(self) -> bytes:
        """The message of `/ws`."""
        return protocol.picture(
            flags=self.flags,
            camera=self.camera,
            sequence=self.sequence,
            captured_ms=self.captured * 1000,
            size=(self.width, self.height),
            jpeg=self.jpeg,
        )

    @cached_property
    def part(self) -> bytes:
        """The part of a multipart stream."""
        return protocol.part(self.jpeg)


@dataclass(frozen=True)
class LastFrame:
    """The last frame that was shown, known for longer than its picture is."""

    boot_id: str
    seq: int
    ts_ms: int | None
    #: By the monitor's monotonic clock, seconds.
    captured: float

    @property
    def identity(self) -> FrameIdentity:
        """As events name it."""
        return FrameIdentity(boot_id=self.boot_id, seq=self.seq, ts_ms=self.ts_ms)


class Rate:
    """Frames per second, computed from arrival times."""

    #: Length of the sliding window, seconds.
    WINDOW = 3.0
    #: Number of recent gaps whose median is the interval.
    GAPS = 5

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=256)

    def add(self, now: float) -> None:
        """Record an arrival."""
        self._arrivals.append(now)

    def interval(self) -> float | None:
        """Median of the seconds between the latest frames; None before the second frame."""
        times = list(self._arrivals)[-self.GAPS - 1 :]
        return statistics.median(b - a for a, b in itertools.pairwise(times)) if len(times) > 1 else None

    def hertz(self, now: float) -> float:
        """Frames per second. Falls to 0 after WINDOW seconds without a frame, or two intervals for a slower camera."""
        recent = [t for t in list(self._arrivals) if now - t <= self.WINDOW]
        if len(recent) > 2:
            gap = (recent[-1] - recent[0]) / (len(recent) - 1)
            last = recent[-1] if now - recent[-1] <= 2 * gap else now
            return (len(recent) - 1) / max(last - recent[0], 1e-3)
        interval = self.interval()
        if not interval or now - self._arrivals[-1] > 2 * interval:
            return 0.0
        return 1 / interval


class Camera:
    """One camera, as far as the monitor knows it."""

    def __init__(self, name: str, index: int, *, configured: bool, now: float) -> None:
        self.name, self.index, self.configured = name, index, configured
        self.picture: OutgoingPicture | None = None
        self.last_frame: LastFrame | None = None
        self.last_status: LastStatus | None = None
        #: When it last said that it is live, monotonic seconds.
        self.last_live: float | None = None
        self.zone: str | None = None
        self.clock = AgeEstimator()
        self.rate = Rate()
        #: When the last frame or status came, monotonic seconds.
        self.last_heard = now
        #: Whether the event loop has been notified of a new picture and hasn't handled it yet.
        self.announced = False
        self._order = Order()
        self._sequence = itertools.count(1)

    def take_frame(self, frame: Frame, *, wall: float, monotonic: float) -> tuple[OutgoingPicture | None, Age]:
        """Make the frame the newest picture.

        None if it doesn't follow the one before, if the camera is outside its slot, or if the frame is too old: a monitor that
        hung finds frames in its sockets that the broker can't expire any more.
        """
        self.last_heard = monotonic
        if status.is_off(self.last_status, wall):
            return None, Age(0.0, estimated=False, untimed=True)
        if not self._order.follows(frame.boot_id, frame.seq, monotonic):
            return None, Age(0.0, estimated=False, untimed=True)
        age = self.clock.age(frame.boot_id, frame.ts_ms, wall=wall, monotonic=monotonic)
        if age.seconds > OLDEST:
            return None, age
        self.rate.add(monotonic)
        if frame.zone:
            self.zone = frame.zone
        captured = monotonic - age.seconds
        self.last_frame = LastFrame(frame.boot_id, frame.seq, frame.ts_ms, captured)
        self.picture = OutgoingPicture(
            camera=self.index,
            sequence=next(self._sequence),
            flags=protocol.ESTIMATED * age.estimated | protocol.UNTIMED * age.untimed,
            captured=captured,
            width=frame.width,
            height=frame.height,
            jpeg=frame.jpeg,
            boot_id=frame.boot_id,
            seq=frame.seq,
        )
        return self.picture, age

    def take_status(self, last: LastStatus) -> None:
        """Take in the camera's status. If its slot is closed, the last picture is dropped at once."""
        self.last_heard = last.received
        self.last_status, self.zone = last, last.status.zone
        if last.status.state == "live":
            self.last_live = last.received
        if last.closed:
            self.picture = None

    def limits(self, away: float) -> Limits:
        """Its age limits, from the rate that it announces or else the measured one; `away` is the setting in seconds."""
        promised = self.last_status.interval if self.last_status else None
        return status.limits(promised or self.rate.interval(), away)

    def state(self, away: float, *, wall: float, monotonic: float) -> str:
        """Starting | live | stale | away | off."""
        picture = self.picture
        return status.state(
            off=status.is_off(self.last_status, wall),
            last=self.last_status,
            age=monotonic - picture.captured if picture else None,
            limit=self.limits(away),
        )


class Cameras:
    """All known cameras: the configured ones in their order, then the discovered ones by name."""

    def __init__(self, configured: Sequence[str], now: float) -> None:
        self._indices = itertools.count()
        self._changing = threading.Lock()
        self._known = {name: Camera(name, next(self._indices), configured=True, now=now) for name in configured}
        self._configured = tuple(self._known.values())
        self._ordered: tuple[Camera, ...] = self._configured

    def __iter__(self) -> Iterator[Camera]:
        return iter(self._ordered)

    def get(self, name: str) -> Camera | None:
        """The camera with this name; None if it is unknown."""
        return self._known.get(name)

    def find(self, name: str, now: float) -> Camera | None:
        """The camera with this name, added if it is new; None if too many have been discovered."""
        with self._changing:
            camera = self._known.get(name)
            if camera is None and len(self._known) - len(self._configured) < MAX_DISCOVERED:
                camera = Camera(name, next(self._indices), configured=False, now=now)
                self._change({**self._known, name: camera})
            return camera

    def forget(self, now: float) -> list[Camera]:
        """Remove discovered cameras that have been silent for FORGET_SECONDS; returns them."""
        with self._changing:
            gone = [c for c in self._ordered if not c.configured and now - c.last_heard > FORGET_SECONDS]
            if gone:
                self._change({name: c for name, c in self._known.items() if c not in gone})
            return gone

    def _change(self, known: dict[str, Camera]) -> None:
        found = sorted((c for c in known.values() if not c.configured), key=lambda c: c.name)
        self._known, self._ordered = known, (*self._configured, *found)

"""When a camera counts as offline and when as back. Pure, except that the events of other monitors may come from any thread.

An outage is known by the last frame before it: both of its events name that frame, so whichever monitors report it, and after
whatever restarts, they give it the same ids, and the notifier tells it once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from seccam.message import CAMERA_OFFLINE, CAMERA_ONLINE, CameraData, CameraEvent, FrameIdentity, camera_event
from seccam_monitor.ingest import status
from seccam_monitor.ingest.cameras import Camera
from seccam_monitor.ingest.status import Limits

#: Seconds of signs without a gap after which a camera is back; one that flaps faster stays offline.
BACK_SECONDS = 10.0
#: Seconds after the monitor has connected before silence counts: a camera may need as many to find the broker again.
RECONNECT_SECONDS = 10.0
#: Away times that a camera has to appear for the first time: after a power cut it may start later than the monitor.
ARRIVAL = 5
#: Seconds between a camera's statuses.
STATUS_SECONDS = 5.0
#: Cameras whose last event is remembered, and events of other monitors that wait until the next look.
_CAMERAS, _WAITING = 1000, 1000
#: Characters of a reason, or of a zone's name, that an event has at most.
_MOST_TEXT = 300

#: A first sign of any kind; view frames; statuses, where only faces are looked for; nothing, outside its slots.
Awaited = Literal["arrival", "frames", "statuses", "nothing"]


@dataclass(frozen=True)
class Signs:
    """What a camera owes at a moment, and what has come of it."""

    camera: str
    awaited: Awaited
    limits: Limits
    #: When the last sign of this kind was made, monotonic seconds.
    seen: float | None = None
    #: The last frame, where frames are awaited and the camera numbers them.
    frame: FrameIdentity | None = None
    zone: str | None = None
    #: The camera's own reason.
    why: str = ""

    @classmethod
    def of(cls, camera: Camera, away: float, wall: float, *, watched: bool) -> Signs:
        """Those of a camera at `wall` (seconds since 1970 UTC).

        `away` is the setting, in seconds. Without a status, and unless it is `watched` by a setting, a camera owes nothing.
        """
        last, frame = camera.last_status, camera.last_frame
        why = last.status.why if last is not None and last.status.state == "away" else ""
        known = cls(camera.name, "nothing", camera.limits(away), zone=camera.zone, why=why)
        if last is None and not watched:
            return known
        if last is None and frame is None:
            return replace(known, awaited="arrival", limits=Limits(away, ARRIVAL * away))
        if not status.is_off(last, wall):
            # without a status it may not number its frames, so each monitor does
            named = frame.identity if frame and last else None
            return replace(known, awaited="frames", seen=frame.captured if frame else None, frame=named)
        if last is not None and last.looks_for_faces(wall):
            return replace(known, awaited="statuses", seen=camera.last_live, limits=status.limits(STATUS_SECONDS, away))
        return known


@dataclass(frozen=True)
class _Watch:
    """What is awaited of a camera, since when, and when the signs that have come without a gap began; monotonic seconds."""

    awaited: Awaited
    since: float
    back: float | None = None

    def silent_since(self, signs: Signs) -> float:
        return self.since if signs.seen is None else max(self.since, signs.seen)


class Outages:
    """The outages of all cameras."""

    def __init__(self) -> None:
        self._watches: dict[str, _Watch] = {}
        #: The last event of each camera, by whatever monitor.
        self._last: OrderedDict[str, CameraEvent] = OrderedDict()
        #: The frame that the last outage of each camera is known by; one that begins without a new frame is known by its time.
        self._named: dict[str, FrameIdentity] = {}
        self._heard: deque[CameraEvent] = deque(maxlen=_WAITING)
        #: Until when silence doesn't count, monotonic seconds; None while the broker is away.
        self._judges_from: float | None = None

    def hear(self, event: CameraEvent) -> None:
        """A monitor, or the one before this process, has reported this; from any thread."""
        if event.type in (CAMERA_OFFLINE, CAMERA_ONLINE):
            self._heard.append(event)

    def pause(self) -> None:
        """The broker is away: nothing can be said of cameras, and their silence counts anew afterwards."""
        self._judges_from = None
        self._watches.clear()

    def is_offline(self, camera: str) -> bool:
        """Whether the camera was reported as offline, and not as back since."""
        last = self._last.get(camera)
        return last is not None and last.type == CAMERA_OFFLINE

    def news(self, cameras: Iterable[Signs], *, wall: float, monotonic: float) -> list[CameraEvent]:
        """The events to report, each until it is taken."""
        while self._heard:
            event = self._heard.popleft()
            if not self._is_outdated(event.data.camera, event.time.timestamp(), wall):
                self.take(event)
        if self._judges_from is None:
            self._judges_from = monotonic + RECONNECT_SECONDS
        signs = list(cameras)
        self._watches = {one.camera: self._watched(one, monotonic) for one in signs}
        found = (self._judged(one, wall, monotonic) for one in signs)
        return [event for event in found if event]

    def take(self, event: CameraEvent) -> None:
        """The event is reported."""
        self._last[event.data.camera] = event
        self._last.move_to_end(event.data.camera)
        if event.data.frame:
            self._named[event.data.camera] = event.data.frame
        if len(self._last) > _CAMERAS:
            forgotten, _ = self._last.popitem(last=False)
            self._named.pop(forgotten, None)

    def _watched(self, signs: Signs, now: float) -> _Watch:
        assert self._judges_from is not None
        watch = self._watches.get(signs.camera)
        if watch is None or watch.awaited != signs.awaited:
            watch = _Watch(signs.awaited, max(now, self._judges_from))
        if signs.seen is None or now - signs.seen > signs.limits.stale:
            return replace(watch, back=None)
        return watch if watch.back is not None else replace(watch, back=signs.seen)

    def _judged(self, signs: Signs, wall: float, now: float) -> CameraEvent | None:
        last = self._last.get(signs.camera)
        if signs.awaited == "nothing":
            return None
        if last is not None and last.type == CAMERA_OFFLINE:
            return self._return(signs, last, wall - now, now)
        return self._disappearance(signs, wall - now, now)

    def _return(self, signs: Signs, outage: CameraEvent, shift: float, now: float) -> CameraEvent | None:
        """The end of an outage; `shift` are the seconds to add to monotonic ones to get those since 1970 UTC."""
        back = self._watches[signs.camera].back
        if back is None or signs.seen is None or signs.seen - back < BACK_SECONDS:
            return None
        # only another monitor missed a camera whose signs began before the outage
        returned = back if back + shift > outage.time.timestamp() else now
        return _event(CAMERA_ONLINE, signs, outage.data.frame, returned + shift)

    def _disappearance(self, signs: Signs, shift: float, now: float) -> CameraEvent | None:
        """The beginning of an outage, if there is one."""
        silent_since = self._watches[signs.camera].silent_since(signs)
        began = (now if signs.awaited == "arrival" else silent_since) + shift
        if now - silent_since <= signs.limits.away or self._is_outdated(signs.camera, began, now + shift):
            return None
        is_used = self._named.get(signs.camera) == signs.frame
        return _event(CAMERA_OFFLINE, signs, None if is_used else signs.frame, began)

    def _is_outdated(self, camera: str, time: float, wall: float) -> bool:
        """Whether what was so at `time` has been reported to have changed since; an event from the future is no evidence."""
        last = self._last.get(camera)
        return last is not None and time < last.time.timestamp() <= wall


def _event(
    kind: Literal["seccam.camera.offline", "seccam.camera.online"], signs: Signs, frame: FrameIdentity | None, time: float
) -> CameraEvent:
    # whatever a camera says of itself, the event stays small enough to be accepted
    zone = signs.zone if signs.zone and len(signs.zone) <= _MOST_TEXT else None
    why = signs.why[:_MOST_TEXT] if kind == CAMERA_OFFLINE else ""
    data = CameraData(camera=signs.camera, frame=frame, zone=zone, why=why)
    return camera_event(kind, data, datetime.fromtimestamp(time, UTC))

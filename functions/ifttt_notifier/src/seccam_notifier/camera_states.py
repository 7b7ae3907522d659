"""What is known of the cameras' own states, and which events of them are news. Pure.

Several workers see the same camera, and each says what it sees. What counts is the word of the latest capture time. One that
says the same again, or is older, is no news, in whatever order they come.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from seccam.message import (
    CAMERA_CLEARED,
    CAMERA_COVERED,
    CAMERA_FROZEN,
    CAMERA_OFFLINE,
    CAMERA_ONLINE,
    CameraEvent,
    EventType,
)

#: Each event is about one of two things: whether frames come, and whether something can be seen in them.
_ABOUT: Mapping[EventType, str] = {
    CAMERA_OFFLINE: "frames",
    CAMERA_ONLINE: "frames",
    CAMERA_COVERED: "sight",
    CAMERA_FROZEN: "sight",
    CAMERA_CLEARED: "sight",
}
#: These say that trouble is over.
_OVER = (CAMERA_ONLINE, CAMERA_CLEARED)


@dataclass(frozen=True)
class CameraState:
    """One thing that is known of a camera."""

    type: EventType
    #: The latest capture time of an event that says so.
    time: datetime
    #: Whether anybody was notified of it, or will be: the notification is being retried.
    told: bool
    #: The event that told of it, or is to.
    event_id: str


class CameraStates:
    """The last known states of all cameras, in bounded memory."""

    def __init__(self, *, cameras: int) -> None:
        """`cameras`: how many are remembered; the one that has been known for longest is forgotten first."""
        self._limit = cameras
        self._states: OrderedDict[str, Mapping[str, CameraState]] = OrderedDict()

    def is_news(self, event: CameraEvent) -> bool:
        """Whether the event changes what has been told of its camera."""
        known = self._known(event.camera, event.type)
        if known is None:
            return not (event.data.initial and event.type in _OVER)
        if known.event_id == event.id:  # another copy of it: nobody was notified yet
            return True
        if event.time <= known.time:
            return False
        if event.type == known.type:
            return not known.told and event.type not in _OVER
        return known.told or event.type not in _OVER

    def put(self, camera: str, kind: EventType, event_id: str, time: datetime, *, told: bool | None) -> None:
        """Remember an event, unless it is of another kind. `told`: whether it was notified, or is being retried; None: neither."""
        if kind not in _ABOUT:
            return
        known = self._known(camera, kind)
        if known and known.event_id == event_id:
            state = replace(known, told=known.told if told is None else told)
        elif known and time <= known.time:
            return
        elif known and known.told and known.type == kind:
            state = replace(known, time=time)
        else:
            state = CameraState(kind, time, bool(told), event_id)
        self._states[camera] = MappingProxyType({**self._states.get(camera, {}), _ABOUT[kind]: state})
        self._states.move_to_end(camera)
        if len(self._states) > self._limit:
            self._states.popitem(last=False)

    def _known(self, camera: str, kind: EventType) -> CameraState | None:
        return self._states.get(camera, {}).get(_ABOUT[kind])

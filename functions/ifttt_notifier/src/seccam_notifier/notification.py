"""What a notification says. Pure."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from urllib.parse import quote

from seccam.message import (
    CAMERA_CLEARED,
    CAMERA_COVERED,
    CAMERA_FROZEN,
    CAMERA_OFFLINE,
    CAMERA_ONLINE,
    CameraEvent,
    FaceEvent,
)
from seccam.zone import zone_of
from seccam_notifier.memory import JournalEntry

#: From this age on, a notification says how late it is.
LATE = timedelta(minutes=1)
#: Cameras that a sum of several events names.
NAMED = 3
#: The default text, and the names that a text of one's own may use.
TEXT = "{faces} at {camera}, {time}{late}"
PLACEHOLDERS = frozenset({"faces", "count", "camera", "time", "date", "zone", "late"})


#: What is said of a camera.
_STATES = {
    CAMERA_OFFLINE: "is offline",
    CAMERA_ONLINE: "is back online",
    CAMERA_COVERED: "is covered",
    CAMERA_FROZEN: "shows always the same picture",
    CAMERA_CLEARED: "can see again",
}


@dataclass(frozen=True)
class Notification:
    """What is told of an event, or of several at once; a channel takes the parts that it has a place for."""

    #: The three texts for IFTTT: the camera, or cameras,
    camera: str
    #: how many faces there are (`offline`, `covered` and so on if the event is of the camera itself),
    what: str
    #: and the local time of the picture, and how late the notification is if it is late.
    when: str
    #: All of it in one sentence.
    text: str = ""
    event_id: str = ""
    #: The event's CloudEvent, JSON.
    event: bytes = b""
    #: The annotated picture, JPEG.
    picture: bytes | None = None
    #: Address of the event on the page; empty if the page's address isn't known.
    link: str = ""


class Writer:
    """Writes notifications."""

    def __init__(self, text: str = TEXT, default_zone: str = "", page: str = "") -> None:
        """Times are in the camera's zone, else in `default_zone`, else in the machine's; `page` is the page's address."""
        self._text, self._default_zone, self._page = text or TEXT, default_zone, page.rstrip("/")

    def write(
        self, event: FaceEvent | CameraEvent, others: Sequence[JournalEntry], now: datetime, body: bytes = b""
    ) -> Notification:
        """The notification of an event, whose CloudEvent is `body`, and of others of its type that wait with it."""
        local = event.time.astimezone(_zone(event.data.zone) or _zone(self._default_zone))
        delay = _delay(now - event.time)
        when = f"{local:%Y-%m-%d %H:%M:%S %Z}" + (f", delayed {delay}" if delay else "")
        faces = max([entry.faces for entry in others], default=0)
        faces = max(faces, event.data.faces) if isinstance(event, FaceEvent) else 0
        state = event.type.rpartition(".")[2]
        cameras = _cameras([*(entry.camera or "" for entry in others), event.camera])
        words = {
            "faces": _count(faces, "face"),
            "count": str(faces),
            "camera": cameras,
            "time": f"{local:%H:%M:%S}",
            "date": f"{local:%Y-%m-%d}",
            "zone": f"{local:%Z}",
            "late": f", {delay} late" if delay else "",
        }
        if others:
            said = f", at most {words['faces']}" if faces else f": {state}"
            text = f"{len(others) + 1} events at {cameras}{said}, {words['time']}{words['late']}"
        elif isinstance(event, FaceEvent):
            text = self._text.format(**words)
        else:
            text = f"{cameras} {_STATES[event.type]}, {words['time']}{words['late']}"
        return Notification(
            camera=cameras,
            what=str(faces) if isinstance(event, FaceEvent) else state,
            when=f"{when}, {len(others) + 1} events" if others else when,
            text=text,
            event_id=event.id,
            event=body,
            picture=event.data.picture if isinstance(event, FaceEvent) else None,
            link=f"{self._page}/#{_place(event)}" if self._page else "",
        )


def _place(event: FaceEvent | CameraEvent) -> str:
    """What the page's address names: the event, which it shows with its visit, or the camera."""
    return f"event/{quote(event.id, safe='')}" if isinstance(event, FaceEvent) else event.camera


def check_text(text: str) -> None:
    """Raise ValueError unless this is a text with placeholders that are known."""
    fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text) if name is not None]
    for name, spec, conversion in fields:
        if name not in PLACEHOLDERS or spec or conversion:
            known = ", ".join(f"{{{one}}}" for one in sorted(PLACEHOLDERS))
            raise ValueError(f"{{{name}}} is no placeholder; known are {known}. Write {{{{ and }}}} for braces")


def _cameras(named: Sequence[str]) -> str:
    cameras = [*dict.fromkeys(named)]
    more = f" and {len(cameras) - NAMED} more" if len(cameras) > NAMED else ""
    return ", ".join(cameras[:NAMED]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _zone(name: str | None) -> tzinfo | None:
    try:
        return zone_of(name) if name else None
    except ValueError:
        return None


def _delay(late: timedelta) -> str:
    """How late, in words; empty if it isn't worth a word."""
    if late < LATE:
        return ""
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"

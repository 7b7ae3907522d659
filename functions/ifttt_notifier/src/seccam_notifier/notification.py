"""What a notification says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from seccam.message import CameraEvent, FaceEvent
from seccam_notifier.memory import JournalEntry

#: From this age on, a notification says how late it is.
LATE = timedelta(minutes=1)
#: Cameras that a sum of several events names.
NAMED = 3


@dataclass(frozen=True)
class Notification:
    """The three texts of a notification."""

    camera: str
    #: How many faces there are; `offline` or `online` if the event is of the camera itself.
    what: str
    #: Local time of the picture, and how late the notification is if it is late.
    when: str


def notification_of(event: FaceEvent | CameraEvent, now: datetime, default_zone: str = "") -> Notification:
    """The notification of an event; its time is in the camera's zone, else in `default_zone`, else in the machine's."""
    what = str(event.data.faces) if isinstance(event, FaceEvent) else event.type.rpartition(".")[2]
    local = event.time.astimezone(_zone(event.data.zone) or _zone(default_zone))
    late = now - event.time
    delay = f", delayed {_spell(late)}" if late >= LATE else ""
    return Notification(event.data.camera, what, f"{local:%Y-%m-%d %H:%M:%S %Z}{delay}")


def sum_of(event: FaceEvent | CameraEvent, others: Sequence[JournalEntry], now: datetime, default_zone: str = "") -> Notification:
    """One notification of an event and of others of its type: their cameras, and the most faces in any of them."""
    alone = notification_of(event, now, default_zone)
    if not others:
        return alone
    cameras = dict.fromkeys(entry.camera or "" for entry in others) | {alone.camera: None}
    shown = list(cameras)[:NAMED]
    more = f" and {len(cameras) - NAMED} more" if len(cameras) > NAMED else ""
    faces = max(entry.faces for entry in others)
    what = str(max(faces, event.data.faces)) if isinstance(event, FaceEvent) else alone.what
    return Notification(", ".join(shown) + more, what, f"{alone.when}, {len(others) + 1} events")


def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):  # there is no such zone, or this can't be a name
        return None


def _spell(late: timedelta) -> str:
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"

"""What a notification says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from seccam.message import CameraEvent, FaceEvent

#: From this age on, a notification says how late it is.
LATE = timedelta(minutes=1)


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


def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):  # there is no such zone, or this can't be a name
        return None


def _spell(late: timedelta) -> str:
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"

"""The last face events, kept in memory as rows of the page's list, and where to read them from."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from seccam.message import MAX_SNAPSHOT, FaceEvent

#: Rows that a page gets when it connects.
SHOWN = 50
#: Rows, with their pictures, that are kept: as many as a page keeps.
KEPT = 100
#: Ids that are remembered, so that an event which comes again is no news.
_REMEMBERED = 1000


@dataclass(frozen=True)
class Row:
    """One event."""

    id: str
    camera: str
    #: When its picture was taken: milliseconds since 1970 UTC, and by the monitor's monotonic clock in seconds.
    time_ms: int
    captured: float
    #: How late it was published.
    late_s: int
    faces: int
    boxes: tuple[tuple[int, int, int, int], ...]
    scores: tuple[float, ...]
    size: tuple[int, int]
    #: The annotated JPEG.
    picture: bytes | None

    def fields(self) -> dict[str, Any]:
        """As it goes into `event` messages and `/events`, but for `captured`."""
        return {
            "id": self.id,
            "cam": self.camera,
            "time": self.time_ms,
            "late_s": self.late_s,
            "faces": self.faces,
            "boxes": self.boxes,
            "scores": self.scores,
            "size": self.size,
            "picture": f"/events/{quote(self.id, safe='')}/picture.jpg" if self.picture else None,
        }

    def message(self) -> dict[str, Any]:
        """What an `event` message says."""
        return {**self.fields(), "captured": self.captured * 1000}


def row(event: FaceEvent, *, captured: float, published: int | None) -> Row:
    """The row of an event; `captured` monotonic seconds, `published` seconds since 1970 UTC (None: not known)."""
    taken = event.time.timestamp()
    return Row(
        id=event.id,
        camera=event.data.camera,
        time_ms=round(taken * 1000),
        captured=captured,
        late_s=max(0, int(published - taken)) if published is not None else 0,
        faces=event.data.faces,
        boxes=tuple(event.data.boxes),
        scores=tuple(event.data.scores),
        size=event.data.size,
        picture=_picture(event.data.snapshot),
    )


def _picture(snapshot: str | None) -> bytes | None:
    """The event's JPEG; None if there is none, or it isn't one of the size agreed on."""
    if snapshot is None or len(snapshot) > MAX_SNAPSHOT * 4 // 3 + 4:
        return None
    try:
        picture = base64.b64decode(snapshot, validate=True)
    except (binascii.Error, ValueError):
        return None
    return picture if picture.startswith(b"\xff\xd8\xff") else None


def is_told(new: Row, listed: Iterable[Row], visit: float) -> bool:
    """Whether the rows say already what this one would: the same visit to the same camera, and no fewer faces.

    Each of N workers, and each that was restarted, announces a visit once for itself. As for the notifier, a visit lasts
    `visit` seconds from the picture of its first row, before it too, and rows of more faces don't prolong it; 0: every
    event is a visit of its own.
    """
    most: dict[int, int] = {}  # faces told, by the time that a visit began
    for row in listed:
        if row.camera == new.camera:
            began = _began(most, row.time_ms, visit)
            began = row.time_ms if began is None else began
            most[began] = max(row.faces, most.get(began, 0))
    began = _began(most, new.time_ms, visit)
    return began is not None and most[began] >= new.faces


def _began(begins: Iterable[int], time_ms: int, visit: float) -> int | None:
    """The begin of the visit that this time falls into, the nearest if there are two."""
    near = (began for began in begins if abs(time_ms - began) < visit * 1000)
    return min(near, key=lambda began: abs(time_ms - began), default=None)


class EventLog:
    """The last rows, one for each visit of `visit` seconds; written by the broker's thread, read by the event loop."""

    def __init__(self, visit: float) -> None:
        self._visit = visit
        self._changing = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._seen: dict[str, None] = {}

    def add(self, new: Row) -> bool:
        """Keep this row; False if the event is known already, or what it tells."""
        with self._changing:
            if new.id in self._seen:
                return False
            self._seen[new.id] = None
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]
            if is_told(new, self._rows.values(), self._visit):
                return False
            rows = {**self._rows, new.id: new}
            while len(rows) > KEPT:
                del rows[next(iter(rows))]
            self._rows = rows
            return True

    def last(self, count: int = SHOWN) -> list[Row]:
        """The last rows, oldest first."""
        return list(self._rows.values())[-count:]

    def get(self, event_id: str) -> Row | None:
        """The row of this event, if it is still kept."""
        return self._rows.get(event_id)

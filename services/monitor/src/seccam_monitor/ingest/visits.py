"""The list of visits that the page shows, kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any
from urllib.parse import quote

from seccam.message import FACE, EventOutcome, FaceEvent, PresenceEvent
from seccam.visit import Visit, Visits
from seccam_monitor.ingest.outcomes import EarlyOutcomes, Outcomes

#: Rows that a page gets when it connects.
SHOWN = 50
#: Rows, with their pictures, that are kept: as many as a page keeps.
KEPT = 100
#: Events by whose id a row is found: the latest of its visit.
EVENTS = 100


@dataclass(frozen=True)
class Snapshot:
    """What a worker saw in the picture of one face event."""

    #: When the picture was taken, seconds since 1970 UTC.
    time: float
    faces: int
    boxes: tuple[tuple[int, int, int, int], ...]
    scores: tuple[float, ...]
    size: tuple[int, int]
    #: The annotated JPEG; None if the event has none.
    picture: bytes | None

    @property
    def rank(self) -> tuple[bool, int]:
        """Sorts the snapshots of a visit: the greatest is shown."""
        return self.picture is not None, self.faces


@dataclass(frozen=True)
class Row:
    """One visit as the page lists it."""

    #: Id of the visit's first event.
    id: str
    camera: str
    visit: Visit
    #: Most faces that an event of the visit reports.
    faces: int
    snapshot: Snapshot
    #: Seconds from the picture of the first event to its publication.
    late_s: int
    #: Seconds to add to a capture time to get the monitor's monotonic clock.
    shift: float
    #: Seconds without a face after which the visit is over.
    gap: float
    #: Ids of the visit's events, in the order in which they came. No page shows them, so they make no change.
    events: tuple[str, ...] = field(compare=False)
    outcomes: Outcomes

    @property
    def ends(self) -> float:
        """When the visit is over if no face is seen until then, monotonic seconds."""
        return self.visit.seen + self.shift + self.gap

    def fields(self, now: float) -> dict[str, Any]:
        """What `/events` says at `now` (monotonic seconds)."""
        shown = self.snapshot
        # the number of faces makes another address of another picture, so no browser shows the one that it has
        path = f"/events/{quote(self.id, safe='')}/picture.jpg?faces={shown.faces}"
        return {
            "id": self.id,
            "cam": self.camera,
            "time": round(self.visit.began * 1000),
            "seconds": round(self.visit.seconds),
            "over": now >= self.ends,
            "late_s": self.late_s,
            "faces": self.faces,
            "boxes": shown.boxes,
            "scores": shown.scores,
            "size": shown.size,
            "picture": path if shown.picture else None,
            "outcomes": [{"channel": one.channel, "outcome": one.outcome} for one in self.outcomes.shown()],
        }

    def message(self, now: float) -> dict[str, Any]:
        """What an `event` message says at `now`: the fields, and times by the monitor's monotonic clock, milliseconds."""
        times = {"began": self.visit.began, "seen": self.visit.seen, "captured": self.snapshot.time}
        return {**self.fields(now), **{name: (time + self.shift) * 1000 for name, time in times.items()}}


@dataclass(frozen=True)
class Change:
    """A row that is new or differs from before."""

    row: Row
    #: Ids of rows that are part of this one now.
    absorbed: tuple[str, ...] = ()


class VisitList:
    """The latest visits; written by the broker's thread, read by the event loop."""

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._changing = threading.Lock()
        self._visits = Visits(gap)
        self._early = EarlyOutcomes()
        #: By the visits' beginning, oldest first.
        self._rows: tuple[Row, ...] = ()
        self._asked = float("-inf")

    def add(self, event: FaceEvent | PresenceEvent, *, captured: float, published: int | None) -> Change | None:
        """Take in an event; what it changes, if anything.

        `captured` is when its picture was taken, in monotonic seconds; `published` seconds since 1970 UTC, None if that
        isn't known. A presence event extends a row, and makes none.
        """
        camera, seen = event.data.camera, event.time.timestamp()
        began = min(seen, event.data.visit_began.timestamp()) if event.data.visit_began else seen
        with self._changing:
            visit = self._visits.containing(camera, began, seen)
            absorbed = self._visits.put(camera, visit)
            rows = [row for row in self._rows if row.camera == camera and row.visit in absorbed]
            new = []
            if isinstance(event, FaceEvent):
                faces = _believed(event, first=not rows)
                new = [_new_row(event, visit, published, self._gap, faces=faces, outcomes=self._early.take(event.id))]
            if not rows and not new:
                return None
            row = _joined([*rows, *new], visit, captured - seen)
            changed = len(rows) != 1 or rows[0] != replace(row, shift=rows[0].shift)
            if not changed:
                row = replace(rows[0], events=row.events)
            kept = [other for other in self._rows if other not in rows]
            self._rows = _latest([*kept, row], KEPT)
        return Change(row, tuple(other.id for other in rows[1:])) if changed and row in self._rows else None

    def learn(self, outcome: EventOutcome) -> Change | None:
        """Take in what became of an event on a channel; what it changes, if anything."""
        if outcome.type != FACE:
            return None
        with self._changing:
            row = self.get(outcome.id)
            if row is None:
                self._early.add(outcome)
                return None
            changed = replace(row, outcomes=row.outcomes.with_outcome(outcome))
            if changed == row:
                return None
            self._rows = tuple(changed if other is row else other for other in self._rows)
        return Change(changed)

    def ended(self, now: float) -> list[Row]:
        """The rows whose visits have ended since the last call; `now` is monotonic seconds."""
        before, self._asked = self._asked, now
        return [row for row in self._rows if before < row.ends <= now]

    def last(self, count: int = SHOWN) -> Sequence[Row]:
        """The rows of the latest visits, by their beginning; visits that still last are never left out for others."""
        return _latest(self._rows, count)

    def get(self, event_id: str) -> Row | None:
        """The row of the visit that this event is of, if it is still kept."""
        return next((row for row in self._rows if row.id == event_id or event_id in row.events), None)


def _latest(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """So many rows, those in which a face was seen last, sorted by the visits' beginning."""
    latest = sorted(rows, key=lambda row: row.visit.seen)[-count:]
    return tuple(sorted(latest, key=lambda row: row.visit.began))


def _believed(event: FaceEvent, *, first: bool) -> int:
    """How many of the event's faces count: all of them in a visit's first event, later only those that two frames agree on."""
    data = event.data
    return data.faces if first or data.agreed is None else data.agreed


def _joined(rows: Sequence[Row], visit: Visit, shift: float) -> Row:
    """The row of a visit whose parts these are; the first one keeps its id."""
    return replace(
        rows[0],
        visit=visit,
        faces=max(row.faces for row in rows),
        snapshot=max((row.snapshot for row in rows), key=lambda snapshot: snapshot.rank),
        shift=shift,
        events=tuple(dict.fromkeys(event for row in rows for event in row.events))[-EVENTS:],
        outcomes=reduce(Outcomes.joined, (row.outcomes for row in rows)),
    )


def _new_row(event: FaceEvent, visit: Visit, published: int | None, gap: float, *, faces: int, outcomes: Outcomes) -> Row:
    data, time = event.data, event.time.timestamp()
    snapshot = Snapshot(time, faces, tuple(data.boxes), tuple(data.scores), data.size, data.picture)
    late_s = max(0, int(published - time)) if published is not None else 0
    return Row(event.id, data.camera, visit, faces, snapshot, late_s, shift=0.0, gap=gap, events=(event.id,), outcomes=outcomes)

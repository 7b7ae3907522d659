"""What a visit is, and which reports of it are news: the rule that workers, the notifier and the page share. Pure.

A visit lasts while a camera sees faces with no gap longer than the visit gap. Every time here is a time of capture, in
seconds since 1970 UTC, so messages that arrive late, twice or out of order change nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

#: Visits that are remembered of each camera; a worker that was disconnected sends events of earlier ones.
VISITS_PER_CAMERA = 16
#: Cameras that are remembered; the one that was seen longest ago is forgotten first.
CAMERAS = 1000


@dataclass(frozen=True)
class Notified:
    """What notifications have reported of a visit."""

    #: Most faces in one of them.
    faces: int = 0
    #: When the picture of the latest one was taken; None if there is none.
    time: float | None = None

    def combined_with(self, other: Notified) -> Notified:
        """What both have reported."""
        times = [time for time in (self.time, other.time) if time is not None]
        return Notified(max(self.faces, other.faces), max(times, default=None))


@dataclass(frozen=True)
class Visit:
    """Faces in front of one camera, from the first to the last time that they were seen."""

    began: float
    #: When a face was last seen.
    seen: float
    notified: Notified = Notified()
    #: Notifications that are still being tried, by the event's id.
    pending: Mapping[str, Notified] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long the visit has lasted."""
        return self.seen - self.began

    def touches(self, other: Visit, gap: float) -> bool:
        """Whether the two are one visit: no more than `gap` seconds lie between them."""
        return other.began - self.seen <= gap and self.began - other.seen <= gap

    def joined(self, other: Visit) -> Visit:
        """Both as one visit."""
        return Visit(
            min(self.began, other.began),
            max(self.seen, other.seen),
            self.notified.combined_with(other.notified),
            {**self.pending, **other.pending},
        )

    def is_news(self, faces: int, time: float, reminder: float, *, agreed: int | None = None) -> bool:
        """Whether this many faces at this time are worth a notification.

        They are if they are the first of the visit, if they are more than any notification of it reported, or, where
        `reminder` is more than 0, if the latest notification is that many seconds old. Only the first notification takes
        one frame's word: after that, only the `agreed` faces count (None: all of them).
        """
        notified = self.notified
        for one in self.pending.values():
            notified = notified.combined_with(one)
        reminds = notified.time is not None and 0 < reminder <= time - notified.time
        believed = faces if agreed is None or notified.time is None else agreed
        return believed > notified.faces or reminds

    def with_notification(self, event_id: str, faces: int, time: float) -> Visit:
        """The visit after a notification of this."""
        return replace(self.without_pending(event_id), notified=self.notified.combined_with(Notified(faces, time)))

    def with_pending(self, event_id: str, faces: int, time: float) -> Visit:
        """The visit while a notification of this is being retried; it counts as sent until it is given up."""
        return replace(self, pending={**self.pending, event_id: Notified(faces, time)})

    def without_pending(self, event_id: str) -> Visit:
        """The visit without a notification that was being retried."""
        return replace(self, pending={key: one for key, one in self.pending.items() if key != event_id})


class Visits:
    """The latest visits of all cameras, in bounded memory."""

    def __init__(self, gap: float, *, cameras: int = CAMERAS) -> None:
        self._gap, self._limit = gap, cameras
        self._visits: OrderedDict[str, deque[Visit]] = OrderedDict()

    def of(self, camera: str) -> Iterator[Visit]:
        """The camera's visits that are remembered, by when a face was last seen."""
        return iter(self._visits.get(camera, ()))

    def containing(self, camera: str, began: float, seen: float) -> Visit:
        """The visit that faces seen from `began` to `seen` belong to, extended by them; a new visit if there is none.

        Changes nothing; `put` stores the result.
        """
        visit = Visit(began, seen)
        for other in self._touched(camera, visit):
            visit = visit.joined(other)
        return visit

    def put(self, camera: str, visit: Visit) -> list[Visit]:
        """Store the visit in place of those that it has absorbed, and return these."""
        absorbed = self._touched(camera, visit)
        kept = [other for other in self.of(camera) if other not in absorbed]
        # the oldest goes first, also if it was stored last: an operator may replay events of days ago
        by_age = sorted([*kept, visit], key=lambda one: one.seen)
        self._visits[camera] = deque(by_age, maxlen=VISITS_PER_CAMERA)
        self._visits.move_to_end(camera)
        if len(self._visits) > self._limit:
            self._visits.popitem(last=False)
        return absorbed

    def _touched(self, camera: str, visit: Visit) -> list[Visit]:
        return [other for other in self.of(camera) if other.touches(visit, self._gap)]

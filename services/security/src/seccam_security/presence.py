"""When a worker reports the faces that it sees. Pure: a camera's state and the time go in, the report and the new state come out.

A worker knows only the frames that it was given, so its reports are about its own view of a visit: what is news to it, that
faces are still there, that they have gone. The notifier and the page put the reports of all workers together, by the same
rule (`seccam.visit`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from seccam.visit import Visit

#: Reports that a visit goes on are this part of the visit gap apart, so that none is missed by one that is lost.
GAP_PART = 1 / 3


class Report(Enum):
    """What is published about the faces in a frame; the values are the label `report` of `seccam_security_reports_total`."""

    #: The first face of a visit.
    VISIT = "visit"
    #: More faces than were reported in this visit, in two analysed frames in a row.
    MORE_FACES = "more_faces"
    #: The visit goes on, and a reminder is due.
    REMINDER = "reminder"
    #: The visit goes on.
    PRESENT = "present"
    #: There has been no face for a part of the visit gap.
    GONE = "gone"

    @property
    def is_news(self) -> bool:
        """Whether it may make a notification."""
        return self in (Report.VISIT, Report.MORE_FACES, Report.REMINDER)


@dataclass(frozen=True)
class Presence:
    """What a worker has seen and reported of the faces at one camera; times of capture, seconds since 1970 UTC."""

    visit: Visit | None = None
    #: Faces in the last analysed frame.
    previous: int = 0
    #: `visit.seen` as of the last report of any kind, and of the last one that the broker keeps (any but PRESENT).
    reported: float = -math.inf
    recorded: float = -math.inf

    def see(self, faces: int, time: float, *, analysed: bool, gap: float, reminder: float) -> tuple[Report | None, Presence]:
        """The report that a frame taken at `time` calls for, and the state once it is published.

        `analysed`: the faces were found in this frame; otherwise nothing moved since they were. `gap` and `reminder`
        are the visit settings, in seconds.
        """
        after = replace(self, previous=faces) if analysed else self
        if not faces:
            return after.leave(time, gap=gap)
        visit = Visit(time, time)
        if self.visit and self.visit.touches(visit, gap):
            visit = self.visit.joined(visit)
        after = replace(after, visit=visit)
        news = self._news(visit, faces, time, reminder) if analysed else None
        if news:
            notified = visit.with_notification("", self.agreed(faces), time)
            return news, replace(after, visit=notified, reported=visit.seen, recorded=visit.seen)
        if abs(time - self.reported) >= gap * GAP_PART and visit.notified.faces:
            return Report.PRESENT, replace(after, reported=visit.seen)
        return None, after

    def agreed(self, faces: int) -> int:
        """The part of these faces, found in the next analysed frame, that two frames in a row agree on; at least one."""
        return min(faces, max(1, self.previous))

    def leave(self, time: float, *, gap: float) -> tuple[Report | None, Presence]:
        """The same for a moment without a face, with or without a frame."""
        visit = self.visit
        if visit is None or visit.seen <= self.recorded or time - visit.seen < gap * GAP_PART:
            return None, self
        return self.close()

    def close(self) -> tuple[Report | None, Presence]:
        """The report that is owed when nothing more will be seen: the worker stops."""
        if self.visit is None or self.visit.seen <= self.recorded:
            return None, self
        return Report.GONE, replace(self, reported=self.visit.seen, recorded=self.visit.seen)

    def _news(self, visit: Visit, faces: int, time: float, reminder: float) -> Report | None:
        """The first face is news at once; more faces only when two analysed frames in a row agree on them."""
        if not visit.notified.faces:
            return Report.VISIT
        more = faces > visit.notified.faces
        if more and self.previous < faces:
            return None
        if visit.is_news(faces, time, reminder):
            return Report.MORE_FACES if more else Report.REMINDER
        return None

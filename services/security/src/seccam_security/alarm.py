"""When a worker announces the faces it sees. Pure: a camera's state and the time go in, the verdict and the new state come out.

A worker announces when it sees faces and has itself announced nothing for this camera within the cooldown, or when it now
sees more than it announced. So N workers make at most N announcements a window; which of them reaches the phone, the
notifier decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Verdict(Enum):
    """What an analysed frame amounts to; the values are the outcomes of `seccam_security_visits_total`."""

    #: News: publish an event.
    ANNOUNCE = "announced"
    #: Somebody came, but too soon after the last announcement.
    SUPPRESS = "suppressed"
    #: Nothing that wasn't known.
    NOTHING = "nothing"


@dataclass(frozen=True)
class Alarm:
    """What a worker has announced of one camera."""

    #: When the frame was taken that began the current window, seconds; None = nothing announced yet.
    since: float | None = None
    #: Most faces announced in this window.
    told: int = 0
    #: Faces in the last analysed frame.
    previous: int = 0

    def judge(self, faces: int, taken: float, cooldown: float) -> tuple[Verdict, Alarm]:
        """The verdict on an analysed frame with this many faces, and the state if it is acted upon.

        The first face is told at once. A higher count is believed when two analysed frames in a row agree on it, and
        doesn't prolong the window. `taken` is the time that the event tells, in seconds: the notifier judges by it too, and
        where the two disagreed over a window's end, nobody would be told until the next.
        """
        seen = replace(self, previous=faces)
        if not faces:
            return Verdict.NOTHING, seen
        if self.since is None or abs(taken - self.since) >= cooldown:  # a clock set back must not silence a worker
            return Verdict.ANNOUNCE, replace(seen, since=taken, told=faces)
        if faces > self.told and self.previous >= faces:
            return Verdict.ANNOUNCE, replace(seen, told=faces)
        came = self.previous == 0
        return (Verdict.SUPPRESS if came else Verdict.NOTHING), seen

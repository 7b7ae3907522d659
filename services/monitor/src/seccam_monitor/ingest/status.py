"""The state that a camera is shown in, from its last status, the age of its newest picture, and the time. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from seccam.message import Status

#: A picture up to this age (seconds) is live; for a camera below 1 fps, up to two of its intervals.
LIVE_SECONDS = 2.0
#: A camera is away only after it has missed this many of its intervals.
MISSED = 3
#: Seconds after the end of a closed slot during which a camera without a new status still counts as off.
_GRACE = 10.0


@dataclass(frozen=True)
class LastStatus:
    """The last status that a camera sent."""

    status: Status
    #: When it arrived, monotonic seconds.
    received: float

    @property
    def closed(self) -> bool:
        """Whether the camera sends no view frames now."""
        view = self.status.topics.get("view")
        return self.status.state == "off" or (view is not None and not view.open)

    @property
    def until(self) -> int | None:
        """When its view slot opens or closes next, milliseconds since 1970 UTC."""
        view = self.status.topics.get("view")
        return view.until if view else None

    def looks_for_faces(self, wall: float) -> bool:
        """Whether its security slot is open at `wall`, seconds since 1970 UTC."""
        security = self.status.topics.get("security")
        if security is None:
            return False
        return security.open or (security.until is not None and wall >= security.until / 1000 + _GRACE)

    @property
    def interval(self) -> float | None:
        """Seconds between view frames, as announced."""
        view = self.status.topics.get("view")
        return 1 / view.fps if view else None


@dataclass(frozen=True)
class Limits:
    """Age limits in seconds."""

    #: Above this, a picture is stale.
    stale: float
    #: Above this, its camera is away.
    away: float


def why(last: LastStatus | None, state: str) -> str:
    """The reason that the camera gives for the state it is shown in. The reason for being closed explains only `off`."""
    return last.status.why if last is not None and last.closed == (state == "off") else ""


def limits(interval: float | None, away: float) -> Limits:
    """The limits for a camera with this interval in seconds (None if unknown); `away` is the setting."""
    if interval is None or interval <= 1:
        return Limits(LIVE_SECONDS, away)
    return Limits(round(2 * interval, 1), round(max(away, MISSED * interval), 1))


def is_off(last: LastStatus | None, wall: float) -> bool:
    """Whether the camera is outside its slot. Its last status holds until shortly after the end of the closed slot."""
    return last is not None and last.closed and (last.until is None or wall < last.until / 1000 + _GRACE)


def state(*, off: bool, last: LastStatus | None, age: float | None, limit: Limits) -> str:
    """Starting | live | stale | away | off; `age` is that of the newest picture in seconds, None without one."""
    if off:
        return "off"
    says_away = last is not None and last.status.state == "away"
    if age is None:
        return "away" if says_away else "starting"
    if age <= limit.stale:
        return "live"
    return "away" if says_away or age > limit.away else "stale"

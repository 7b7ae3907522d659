"""The state a camera is shown in: from its own last word, the age of its newest picture and the time. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from seccam.message import Status

#: A picture up to this age (seconds) is live; of a camera slower than 1 a second, up to two of its intervals.
LIVE_SECONDS = 2.0
#: An away camera has missed at least this many of its intervals.
MISSED = 3
#: Seconds that a closed slot's end may pass without a word of the camera, before it is no longer taken for off.
_GRACE = 10.0


@dataclass(frozen=True)
class LastStatus:
    """A camera's last word on itself."""

    status: Status
    #: When it came, by the monitor's monotonic clock, seconds.
    received: float

    @property
    def closed(self) -> bool:
        """Whether it says that nothing is to be seen."""
        view = self.status.topics.get("view")
        return self.status.state == "off" or (view is not None and not view.open)

    @property
    def until(self) -> int | None:
        """When its view slot opens or closes, milliseconds since 1970 UTC."""
        view = self.status.topics.get("view")
        return view.until if view else None

    @property
    def interval(self) -> float | None:
        """Seconds from one picture to the next, as promised."""
        view = self.status.topics.get("view")
        return 1 / view.fps if view else None


@dataclass(frozen=True)
class Limits:
    """Ages in seconds."""

    #: Above this, a picture is stale.
    stale: float
    #: Above this, its camera is away.
    away: float


def why(last: LastStatus | None, state: str) -> str:
    """The camera's own words on the state it is shown in; that it is closed explains no other state than off."""
    return last.status.why if last is not None and last.closed == (state == "off") else ""


def limits(interval: float | None, away: float) -> Limits:
    """For a camera with `interval` seconds between its pictures (None: not known), where `away` is the setting."""
    if interval is None or interval <= 1:
        return Limits(LIVE_SECONDS, away)
    return Limits(round(2 * interval, 1), round(max(away, MISSED * interval), 1))


def is_off(last: LastStatus | None, wall: float) -> bool:
    """Whether the camera is outside its slot; its last word holds, until a little after the slot's own end."""
    return last is not None and last.closed and (last.until is None or wall < last.until / 1000 + _GRACE)


def state(*, off: bool, last: LastStatus | None, age: float | None, limit: Limits) -> str:
    """Starting | live | stale | away | off; `age` in seconds of the newest picture, None without one."""
    if off:
        return "off"
    says_away = last is not None and last.status.state == "away"
    if age is None:
        return "away" if says_away else "starting"
    if age <= limit.stale:
        return "live"
    return "away" if says_away or age > limit.away else "stale"

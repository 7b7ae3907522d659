"""When to send the camera's status, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from seccam.message import Status, TopicStatus
from seccam.schedule import Slot
from seccam_camera.settings import CameraSettings

#: Seconds between statuses without a change, for clients that have just connected.
REPEAT_SECONDS = 5.0

State = Literal["starting", "live", "off", "away"]


class StatusReporter:
    """Makes one camera's status messages: one for each change, and one every few seconds."""

    def __init__(self, settings: CameraSettings, zone: str) -> None:
        self._camera, self._rates, self._zone = settings.name, settings.rates(), zone
        self._sent: tuple[object, ...] = ()
        self._state: State | None = None
        self._since = self._sent_at = 0.0

    def due(self, state: State, why: str, slots: Mapping[str, Slot], now: float) -> Status | None:
        """The status to send at `now` (seconds since 1970 UTC); None if nothing has changed and the last one is recent."""
        if state != self._state:
            self._state, self._since = state, now
        what = (state, why, tuple(slots.items()))
        if what == self._sent and 0 <= now - self._sent_at < REPEAT_SECONDS:
            return None
        self._sent, self._sent_at = what, now
        return Status(
            camera=self._camera,
            state=state,
            since=round(self._since * 1000),
            why=why,
            zone=self._zone,
            topics={
                "view": self._topic("view", slots["view"]),
                "security": self._topic("security", slots["security"]),
            },
            ts_ms=round(now * 1000),
        )

    def _topic(self, topic: str, slot: Slot) -> TopicStatus:
        until = round(slot.until.timestamp() * 1000) if slot.until else None
        return TopicStatus(open=slot.open, until=until, fps=self._rates[topic])

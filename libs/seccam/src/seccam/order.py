"""Orders: commands as people and programs write them, over HTTP or MQTT."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self, get_args

from pydantic import ConfigDict, Field, model_validator

from seccam.message import (
    MOST_SNOOZED,
    CameraName,
    CommandData,
    CommandEvent,
    End,
    JsonMessage,
    Mode,
    Origin,
    Snooze,
    check_one_of,
    command_event,
)

#: From now on, at most a year.
Minutes = Annotated[float, Field(gt=0, le=366 * 24 * 60)]
_MODES = {mode.encode() for mode in get_args(Mode)}


class SnoozeOrder(JsonMessage):
    """Tell nothing of these cameras for a while."""

    model_config = ConfigDict(extra="forbid")

    cameras: list[CameraName] = Field(default_factory=list, max_length=MOST_SNOOZED, description="Names of the cameras; none: all.")
    until: End | None = Field(None, description="When it ends, RFC 3339; a time in the past ends it now.")
    minutes: Minutes | None = Field(None, description="In how many minutes it ends, instead of `until`.")

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.until is None) == (self.minutes is None):
            raise ValueError("must have either until or minutes")
        return self

    def snooze(self, now: datetime) -> Snooze:
        """What it means where it is received."""
        return Snooze(cameras=self.cameras, until=self.until or now + timedelta(minutes=self.minutes or 0))


class Order(JsonMessage):
    """Either a mode or a snooze. A mistyped name is refused."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode | None = Field(None, description="armed | home | disarmed")
    until: End | None = Field(None, description="When the mode before it holds again, RFC 3339; without it, this one stays.")
    minutes: Minutes | None = Field(None, description="In how many minutes, instead of `until`.")
    snooze: SnoozeOrder | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        check_one_of(self.mode, self.snooze, until=self.until, minutes=self.minutes)
        if self.until is not None and self.minutes is not None:
            raise ValueError("must have either until or minutes, or neither")
        return self

    @classmethod
    def read(cls, body: bytes) -> Order:
        """The order in a body: JSON, or the name of a mode alone. Raises BadMessage."""
        word = body.strip()
        return cls.decode(b'{"mode": "%s"}' % word if word in _MODES else body)

    def command(self, who: str, origin: Origin, now: datetime) -> CommandEvent:
        """The command that this becomes where it is received."""
        until = self.until if self.minutes is None else now + timedelta(minutes=self.minutes)
        snooze = self.snooze.snooze(now) if self.snooze else None
        return command_event(CommandData(mode=self.mode, until=until, snooze=snooze, who=who, origin=origin), now)

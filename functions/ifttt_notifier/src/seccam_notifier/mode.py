"""The mode and the snoozes: which events are told. Pure.

A command holds for the events behind it in the queue. Times that it names (`until`) are compared with the time of the picture,
or with the clock if that is earlier, so it makes no difference how late an event arrives.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from seccam.message import (
    CameraEvent,
    CameraName,
    CommandEvent,
    End,
    FaceEvent,
    Instant,
    JsonMessage,
    Mode,
    ModeReport,
    Origin,
    Snooze,
    SnoozedCamera,
)
from seccam.schedule import Schedule

#: Cameras whose snoozes are kept; those that end first are forgotten first.
MOST_CAMERAS = 256
#: Commands that are known again if they come twice.
IDS = 32

#: Why an event is not told.
Silence = Literal["disarmed", "home", "snoozed"]


class Standing(JsonMessage):
    """A mode that stays, with a schedule until the schedule's next change."""

    mode: Mode
    since: Instant


class Passing(JsonMessage):
    """A mode that ends by itself."""

    mode: Mode
    until: End


class State(JsonMessage):
    """What the commands until now have led to."""

    standing: Standing | None = None
    #: Takes precedence over `standing` until it ends.
    passing: Passing | None = None
    #: Until when all cameras are snoozed, and single ones.
    all_until: End | None = None
    cameras_until: dict[CameraName, End] = Field(default_factory=dict)
    #: The last command: from whom, from where, and when it was carried out, which is later for each further one.
    who: str
    origin: Origin
    changed: Instant
    #: Ids of the latest commands, the last one at the end.
    ids: Annotated[tuple[str, ...], Field(min_length=1)]


def after(state: State | None, command: CommandEvent, now: datetime) -> State:
    """The state after a command that is carried out now; the same if it was carried out before."""
    ids = state.ids if state else ()
    if state and command.id in ids:
        return state
    changed = max(now, state.changed + timedelta(microseconds=1)) if state else now
    said = command.data
    last = State(who=said.who, origin=said.origin, changed=changed, ids=(*ids, command.id)[-IDS:])
    kept = state.model_copy(update=last.model_dump(exclude_unset=True)) if state else last
    changes = _snoozed(kept, said.snooze) if said.snooze else _in_mode(said.mode or "armed", said.until, changed)
    return kept.model_copy(update=changes)


def _in_mode(mode: Mode, until: datetime | None, now: datetime) -> dict[str, object]:
    if until:
        return {"passing": Passing(mode=mode, until=until)}
    return {"standing": Standing(mode=mode, since=now), "passing": None}


def _snoozed(state: State, snooze: Snooze) -> dict[str, object]:
    if not snooze.cameras:
        return {"all_until": snooze.until, "cameras_until": {}}
    cameras = {**state.cameras_until, **dict.fromkeys(snooze.cameras, snooze.until)}
    latest = sorted(cameras.items(), key=lambda item: item[1])[-MOST_CAMERAS:]
    return {"cameras_until": dict(latest)}


class Modes:
    """The state in force. Events are judged in one thread, and the journal is read in another."""

    def __init__(self, silent_at_home: Collection[str] = (), schedule: Schedule | None = None) -> None:
        """`silent_at_home`: the cameras whose faces are not told in the mode `home`; `schedule`: when to be armed by itself."""
        self._silent_at_home, self._schedule = frozenset(silent_at_home), schedule
        self._changing = threading.Lock()
        #: None: there was no command yet.
        self.state: State | None = None

    def obey(self, command: CommandEvent, now: datetime) -> State:
        """Carry the command out; returns the state that it leads to."""
        with self._changing:
            self.state = after(self.state, command, now)
            return self.state

    def recall(self, state: State) -> None:
        """Take over what the journal knows, unless it is older."""
        with self._changing:
            if self.state is None or self.state.changed < state.changed:
                self.state = state

    def silence(self, event: FaceEvent | CameraEvent, now: datetime) -> Silence | None:
        """Why this event is not told; None if it may be. That a camera can't see is told in every mode."""
        instant = min(event.time, now)
        if self._is_snoozed(event.camera, instant):
            return "snoozed"
        mode = self.mode_at(instant)
        if isinstance(event, CameraEvent) or mode == "armed":
            return None
        if mode == "disarmed":
            return "disarmed"
        return "home" if event.camera in self._silent_at_home else None

    def mode_at(self, instant: datetime) -> Mode:
        """The mode in force."""
        commanded = self._commanded(instant)
        if commanded:
            return commanded.mode
        return "armed" if self._schedule is None or self._schedule.is_open(instant) else "disarmed"

    def report(self, now: datetime) -> ModeReport:
        """What everybody may know."""
        state = self.state
        commanded = self._commanded(now)
        until = commanded.until if isinstance(commanded, Passing) else self._schedule.slot_at(now).until if self._schedule else None
        report = ModeReport(mode=self.mode_at(now), until=until and _ms(until), ts_ms=_ms(now))
        if state is None:
            return report
        ends: list[tuple[str | None, datetime | None]] = [(None, state.all_until), *state.cameras_until.items()]
        last = {"who": state.who, "origin": state.origin, "changed": _ms(state.changed)}
        return report.model_copy(
            update={
                "snoozes": [SnoozedCamera(camera=camera, until=_ms(end)) for camera, end in ends if end and now < end],
                **last,
            }
        )

    def _commanded(self, instant: datetime) -> Standing | Passing | None:
        """The mode of a command, if one holds; None: the schedule's, if there is one."""
        state = self.state
        if state and state.passing and instant < state.passing.until:
            return state.passing
        standing = state.standing if state else None
        if standing and self._schedule and not self._schedule.slot_at(standing.since).holds(instant):
            return None
        return standing

    def _is_snoozed(self, camera: str, instant: datetime) -> bool:
        state = self.state
        ends = (state.all_until, state.cameras_until.get(camera)) if state else ()
        return any(end is not None and instant < end for end in ends)


def _ms(time: datetime) -> int:
    return round(time.astimezone(UTC).timestamp() * 1000)

"""What a channel knows of the events that were handled, and what becomes of the next one. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import model_validator

from seccam import visit
from seccam.message import (
    CAMERA_OFFLINE,
    CAMERA_ONLINE,
    COMMAND,
    FACE,
    FACE_GONE,
    FACE_PRESENT,
    AnyEvent,
    CameraEvent,
    CameraName,
    CaptureTime,
    Count,
    EventOutcome,
    FaceEvent,
    JsonMessage,
    Recorded,
)
from seccam_notifier.camera_states import CameraStates
from seccam_notifier.mode import Silence, State

#: An event older than this is no news: it is parked.
MAX_AGE = timedelta(hours=24)
#: Events whose outcome is remembered.
IDS = 50_000

Outcome = Literal["notified", "duplicate", "suppressed", "requeued", "parked", "probed", "forged", "applied", "refused"]
#: `suppress`: its visit, or its camera's state, was notified; `silence`: the mode or a snooze.
Verdict = Literal["notify", "duplicate", "suppress", "silence", "too_old"]
#: Why an event was suppressed.
Why = Literal["visit", "state", Silence]
WHYS: tuple[Why, ...] = get_args(Why)

#: Whether an outcome tells somebody; a retry will. `suppressed` says nothing of it.
_TOLD = {"notified": True, "requeued": True, "parked": False}
_FACES = (FACE, FACE_PRESENT, FACE_GONE)
#: `kind` in the entries of the first version -> type.
_OLD_KINDS = {"face": FACE, "camera_offline": CAMERA_OFFLINE, "camera_online": CAMERA_ONLINE}


class Notified(JsonMessage):
    """What the notifications of a visit have reported."""

    faces: Count
    time: CaptureTime


class JournalEntry(EventOutcome):
    """What became of an event, with all that a notifier has to know of it after a restart."""

    #: None: a probe, or a command.
    camera: CameraName | None = None
    faces: Count = 0
    #: When the visit began, as far as the event says; missing: at `time`.
    visit_began: CaptureTime | None = None
    why: Why | None = None
    #: What the commands until now have led to; only in the entry of a command.
    state: State | None = None
    #: What the visit's notifications have reported so far: it may have lasted for longer than the journal goes back.
    notified: Notified | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_an_old_version(cls, entry: Any) -> Any:
        """Entries of the first version have a `kind`, and another word for suppressed. They are gone a day after an upgrade."""
        if isinstance(entry, dict) and "kind" in entry:
            outcome = "suppressed" if entry.get("outcome") == "cooldown" else entry.get("outcome")
            return {**entry, "type": _OLD_KINDS.get(str(entry["kind"])), "outcome": outcome}
        return entry

    @classmethod
    def of(cls, event: AnyEvent, outcome: Recorded, channel: str | None = None, why: Why | None = None) -> JournalEntry:
        """The entry of an event on a channel; None: on all."""
        known = {name: getattr(event.data, name) for name in ("camera", "faces", "visit_began") if hasattr(event.data, name)}
        return cls(id=event.id, type=event.type, time=event.time, outcome=outcome, channel=channel, why=why, **known)

    @classmethod
    def of_state(cls, state: State) -> JournalEntry:
        """The entry of the last command, whose state holds all that came before."""
        return cls(id=state.ids[-1], type=COMMAND, time=state.changed, outcome="applied", state=state)


class Memory:
    """The outcomes of the latest events and the latest visits, in bounded memory.

    The same whether it lived through the events or read the journal's entries of them.
    """

    def __init__(self, gap: float, *, ids: int = IDS, cameras: int = visit.CAMERAS) -> None:
        """`gap`: seconds without a face after which a visit is over."""
        self._visits = visit.Visits(gap, cameras=cameras)
        self._states = CameraStates(cameras=cameras)
        self._outcomes: OrderedDict[str, str] = OrderedDict()
        self._ids = ids

    def outcome(self, event_id: str) -> str | None:
        """`notified` or `suppressed` if that became of the event; None otherwise."""
        return self._outcomes.get(event_id)

    def judge(
        self,
        event: FaceEvent | CameraEvent,
        now: datetime,
        *,
        reminder: float,
        attempt: int = 0,
        replayed: bool = False,
        silent: bool = False,
    ) -> Verdict:
        """What is to become of an event.

        The news of a visit (`seccam.visit`) and the changes of a camera's state (`CameraStates`) are notified, unless the mode
        or a snooze is against it (`silent`). This is decided once: a retry (`attempt` of 1 or more) was found to be news
        before, and an operator who replays an event wants it notified.
        """
        known, again = self._outcomes.get(event.id), attempt > 0 or replayed
        if known == "notified" or (known == "suppressed" and not again):
            return "duplicate"
        if now - event.time > MAX_AGE and not replayed:
            return "too_old"
        if again:
            return "notify"
        entry = JournalEntry.of(event, "notified")
        if silent and not self.is_pending(entry):
            return "silence"
        if isinstance(event, CameraEvent):
            return "notify" if self._states.is_news(event) else "suppress"
        # another copy of the same event may be waiting in a delay queue
        known_visit = self._visit(entry).without_pending(event.id)
        return (
            "notify" if known_visit.is_news(entry.faces, entry.time.timestamp(), reminder, agreed=event.data.agreed) else "suppress"
        )

    def is_pending(self, entry: JournalEntry) -> bool:
        """Whether a notification of this event is being retried."""
        return entry.id in self._visit(entry).pending

    def record(self, entry: JournalEntry) -> JournalEntry:
        """Remember this; returns the entry with what the visit's notifications have reported."""
        if entry.outcome in ("notified", "suppressed") and entry.type not in (FACE_PRESENT, FACE_GONE):
            self._know(entry.id, entry.outcome)
        if entry.camera is not None:
            self._states.put(entry.camera, entry.type, entry.id, entry.time, told=_TOLD.get(entry.outcome))
        if entry.type not in _FACES or entry.camera is None:
            return entry
        extended, time = self._visit(entry), entry.time.timestamp()
        if entry.outcome == "notified":
            extended = extended.with_notification(entry.id, entry.faces, time)
        elif entry.outcome == "requeued":
            extended = extended.with_pending(entry.id, entry.faces, time)
        elif entry.outcome == "parked":
            extended = extended.without_pending(entry.id)
        self._visits.put(entry.camera, extended)
        notified = extended.notified
        if notified.time is None:
            return entry
        return entry.model_copy(
            update={"notified": Notified(faces=notified.faces, time=datetime.fromtimestamp(notified.time, UTC))}
        )

    def _visit(self, entry: JournalEntry) -> visit.Visit:
        """The visit that the entry's event belongs to."""
        seen = entry.time.timestamp()
        began = min(seen, entry.visit_began.timestamp()) if entry.visit_began else seen
        found = self._visits.containing(entry.camera or "", began, seen)
        notified = visit.Notified(entry.notified.faces, entry.notified.time.timestamp()) if entry.notified else visit.Notified()
        return replace(found, notified=found.notified.combined_with(notified))

    def _know(self, event_id: str, outcome: str) -> None:
        if self._outcomes.get(event_id) != "notified":  # whatever became of another copy of it
            self._outcomes[event_id] = outcome
        self._outcomes.move_to_end(event_id)
        if len(self._outcomes) > self._ids:
            self._outcomes.popitem(last=False)

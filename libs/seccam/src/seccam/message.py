"""The JSON messages: events, detections and camera status. The JSON Schemas in docs/ref are generated from here."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from seccam import topology
from seccam.errors import BadMessage
from seccam.frame import TIMES, Frame, event_id

M = TypeVar("M")

CONTENT_TYPE = "application/json"
#: Largest annotated picture in an event, bytes. Pictures of rooms and people of 1280 pixels have 30 to 80 kB.
MAX_SNAPSHOT = 96 * 1024
#: Largest JSON message that is accepted, bytes: a picture in base64, and room for the rest.
MAX_BYTES = 192 * 1024

FACE: Literal["seccam.face"] = "seccam.face"
FACE_PRESENT: Literal["seccam.face.present"] = "seccam.face.present"
FACE_GONE: Literal["seccam.face.gone"] = "seccam.face.gone"
CAMERA_OFFLINE: Literal["seccam.camera.offline"] = "seccam.camera.offline"
CAMERA_ONLINE: Literal["seccam.camera.online"] = "seccam.camera.online"
CAMERA_COVERED: Literal["seccam.camera.covered"] = "seccam.camera.covered"
CAMERA_FROZEN: Literal["seccam.camera.frozen"] = "seccam.camera.frozen"
CAMERA_CLEARED: Literal["seccam.camera.cleared"] = "seccam.camera.cleared"
PROBE: Literal["seccam.probe"] = "seccam.probe"
COMMAND: Literal["seccam.command"] = "seccam.command"

CameraEventType = Literal[
    "seccam.camera.offline",
    "seccam.camera.online",
    "seccam.camera.covered",
    "seccam.camera.frozen",
    "seccam.camera.cleared",
]
EventType = Literal["seccam.face", "seccam.face.present", "seccam.face.gone", CameraEventType, "seccam.probe", "seccam.command"]

#: Which events are told: all; not the faces of cameras that are silent at home; of faces, none.
Mode = Literal["armed", "home", "disarmed"]
#: Where a command comes from.
Origin = Literal["page", "bot", "mqtt", "schedule", "api"]
#: Cameras that one command may snooze.
MOST_SNOOZED = 64

#: Header of an event from a delay queue: how many calls were made for it.
ATTEMPT_HEADER = "x-seccam-attempt"
#: Header of an event from a delay queue, or a parked one: the channels that it is owed on, separated by commas; without it, all.
CHANNELS_HEADER = "x-seccam-channels"
#: Header of an event that an operator sent again: it is notified however old it is.
REPLAYED_HEADER = "x-seccam-replayed"
#: Header of the copy of an event on the topic exchange, which is not the notifier's.
COPY_HEADER = "x-seccam-copy"
#: Header of an event from a delay queue: it is suppressed, which could not be recorded in the journal.
SUPPRESSED_HEADER = "x-seccam-suppressed"
#: Header of a parked event: why it was parked.
WHY_HEADER = "x-seccam-why"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def _on_every_calendar(time: datetime) -> datetime:
    """The time in UTC; ValueError where some time zone has no local time for it."""
    if not 1970 <= time.year < 9999 or time.astimezone(UTC).year < 1970:
        raise ValueError("must be between 1970 and 9998")
    return time.astimezone(UTC)


def _in_milliseconds(time: datetime) -> datetime:
    """ValueError where it is too late to be written as Milliseconds."""
    if time.timestamp() * 1000 >= TIMES.stop:
        raise ValueError("must be before 2100")
    return time


def _no_number(value: Any) -> Any:
    """Pydantic would take a number for seconds since 1970."""
    if isinstance(value, int | float):
        raise ValueError("must be an RFC 3339 time")  # noqa: TRY004  # pydantic makes a fault of this one only
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_on_every_calendar)]
#: When a picture was taken, UTC.
CaptureTime = Instant
#: When a mode or a snooze ends, UTC.
End = Annotated[Instant, AfterValidator(_in_milliseconds)]
CameraName = Annotated[str, Field(pattern=topology.CAMERA_PATTERN)]
#: x, y, width, height in pixels of the picture as stored, before EXIF rotation.
Box = tuple[int, int, int, int]
Score = Annotated[float, Field(ge=0, le=1)]
#: A whole number as JSON has it: neither a text nor true.
Count = Annotated[int, Field(ge=0, strict=True)]
#: Bounded, because a float or a browser's Date can't hold every integer.
Milliseconds = Annotated[int, Field(ge=0, lt=TIMES.stop)]


class JsonMessage(BaseModel):
    """Base of the JSON messages: a frozen model."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    def encode(self) -> bytes:
        """The message as a body."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The message in a body. Raises BadMessage."""
        return _decoded(cls.__name__, body, cls.model_validate_json)


def _decoded(name: str, body: bytes, validate: Callable[[bytes], M]) -> M:
    if len(body) > MAX_BYTES:
        raise BadMessage(f"{name}: {len(body)} bytes, more than {MAX_BYTES}")
    try:
        return validate(body)
    except ValidationError as e:
        faults = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'body'}: {f['msg']}" for f in e.errors(include_input=False))
        raise BadMessage(f"{name}: {faults[:500]}") from None


class FrameIdentity(JsonMessage):
    """Identifies the frame that something was seen in."""

    boot_id: Annotated[str, Field(min_length=1, max_length=32)]
    seq: Annotated[int, Field(ge=0)]
    ts_ms: Milliseconds | None = None


class Found(JsonMessage):
    """The faces that a worker found in one frame."""

    camera: CameraName
    frame: FrameIdentity
    #: Width and height of the picture, pixels.
    size: tuple[int, int]
    faces: Count
    boxes: list[Box]
    scores: list[Score]
    worker: str


class Detection(Found):
    """For the page: the boxes of the faces, and whether the workers keep up."""

    #: Frames of this camera since the last detection of this worker: analysed ones with this one, and those it had no time for.
    analysed: Count = 1
    dropped: Count = 0


class FaceData(Found):
    """Data of a face event."""

    #: The part of `faces` that this worker's last two analysed frames agree on; if missing, all of them.
    agreed: Count | None = None
    #: When the visit began, as far as this worker knows; if missing, with this picture.
    visit_began: CaptureTime | None = None
    #: The camera's IANA time zone, if known.
    zone: str | None = None
    #: Milliseconds from capture until the worker received the frame, and until it was analysed.
    ms: dict[Literal["received", "done"], int] = {}
    #: The annotated picture: base64 of a JPEG of at most MAX_SNAPSHOT bytes.
    snapshot: str | None = None

    @property
    def picture(self) -> bytes | None:
        """The JPEG in `snapshot`; None if there is none, or it isn't one of the size agreed on."""
        if self.snapshot is None or len(self.snapshot) > MAX_SNAPSHOT * 4 // 3 + 4:
            return None
        try:
            picture = base64.b64decode(self.snapshot, validate=True)
        except (binascii.Error, ValueError):
            return None
        return picture if picture.startswith(b"\xff\xd8\xff") else None


class PresenceData(JsonMessage):
    """Data of a presence event."""

    camera: CameraName
    #: The frame in which faces were last seen.
    frame: FrameIdentity
    faces: Count
    #: When the visit began, as far as this worker knows.
    visit_began: CaptureTime
    worker: str


class CameraData(JsonMessage):
    """Data of a camera event."""

    camera: CameraName
    #: The last frame, if one is known.
    frame: FrameIdentity | None = None
    zone: str | None = None
    why: str = ""
    #: The sender has just begun to watch the camera, and doesn't know what its state was before.
    initial: bool = False


class ProbeData(JsonMessage):
    """Data of a probe."""

    #: Who sent it.
    worker: str


class Snooze(JsonMessage):
    """Cameras of which nothing is told until a time; a time in the past ends it."""

    #: None: all, in place of what was said of single ones.
    cameras: Annotated[list[CameraName], Field(max_length=MOST_SNOOZED)] = []
    until: End


class CommandData(JsonMessage):
    """Data of a command: either a mode or a snooze."""

    mode: Mode | None = None
    #: When the mode before it holds again; None: this one stays.
    until: End | None = None
    snooze: Snooze | None = None
    #: Who wants it, for people to read.
    who: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
    origin: Origin

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        check_one_of(self.mode, self.snooze, until=self.until)
        return self


def check_one_of(mode: object, snooze: object, **of_the_mode: object) -> None:
    """Raise ValueError unless there is either a mode or a snooze, and what belongs to a mode only with one."""
    if (mode is None) == (snooze is None):
        raise ValueError("must have either mode or snooze")
    for name, value in of_the_mode.items():
        if mode is None and value is not None:
            raise ValueError(f"{name} beside snooze: write it into snooze")


class Event(JsonMessage):
    """A CloudEvent 1.0 in JSON (cloudevents.io)."""

    specversion: Literal["1.0"] = "1.0"
    #: Fits into an AMQP message id and an HTTP header.
    id: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
    source: str
    type: EventType
    #: When the picture was taken, UTC.
    time: CaptureTime
    datacontenttype: Literal["application/json"] = "application/json"
    #: W3C Trace Context.
    traceparent: str | None = None

    @property
    def camera(self) -> str:
        """The camera that it is about; empty if it is about none."""
        return ""

    @property
    def trace_id(self) -> str:
        """The trace's id; empty if the event names none."""
        match = _TRACEPARENT.fullmatch(self.traceparent or "")
        return match[1] if match else ""


class FaceEvent(Event):
    """Faces are news: a visit began, more faces came, or a reminder is due."""

    type: Literal["seccam.face"] = "seccam.face"
    data: FaceData

    @property
    def camera(self) -> str:
        """The camera that saw them."""
        return self.data.camera


class PresenceEvent(Event):
    """Faces are still there, or have gone. `time` is when one was last seen. It never causes a notification."""

    type: Literal["seccam.face.present", "seccam.face.gone"]
    data: PresenceData

    @property
    def camera(self) -> str:
        """The camera that saw them."""
        return self.data.camera


class CameraEvent(Event):
    """A camera can't see (no frames, covered, always the same picture), or can see again."""

    type: CameraEventType
    data: CameraData

    @property
    def camera(self) -> str:
        """The camera itself."""
        return self.data.camera


class ProbeEvent(Event):
    """Nothing happened: it shows that events reach the notifier. `time` is when it was sent."""

    type: Literal["seccam.probe"] = "seccam.probe"
    data: ProbeData


class CommandEvent(Event):
    """Somebody wants other events to be told from now on. `time` is when."""

    type: Literal["seccam.command"] = "seccam.command"
    data: CommandData


AnyEvent = FaceEvent | PresenceEvent | CameraEvent | ProbeEvent | CommandEvent
_EVENTS: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])


def decode_event(body: bytes) -> AnyEvent:
    """The event in a body, of whatever type; raises BadMessage."""
    return _decoded("Event", body, _EVENTS.validate_json)


def face_event(frame: Frame, taken_ms: int, data: FaceData) -> FaceEvent:
    """The event that a frame causes; `taken_ms` is its capture time by the receiver's clock (UTC milliseconds)."""
    return FaceEvent(
        id=frame.event_id,
        source=f"/seccam/camera/{frame.camera}",
        time=datetime.fromtimestamp(taken_ms / 1000, UTC),
        traceparent=f"00-{frame.trace_id}-{frame.trace_id[:16]}-01",
        data=data,
    )


def presence_event(data: PresenceData, seen_ms: int, *, present: bool) -> PresenceEvent:
    """The event that faces, last seen at `seen_ms` (UTC milliseconds), are still there (`present`) or have gone."""
    frame, suffix = data.frame, "present" if present else "gone"
    return PresenceEvent(
        id=f"{event_id(data.camera, frame.boot_id, frame.seq)}-{suffix}",
        source=f"/seccam/camera/{data.camera}",
        type=FACE_PRESENT if present else FACE_GONE,
        time=datetime.fromtimestamp(seen_ms / 1000, UTC),
        data=data,
    )


def camera_event(kind: CameraEventType, data: CameraData, time: datetime) -> CameraEvent:
    """The event that a camera can't see, or can see again. Whoever knows of the same frame gives it the same id.

    `time`: when it was last seen to be so (offline, covered, frozen), or first (online, cleared). So of two senders that
    contradict each other, the one that says that it can't see is believed.
    """
    frame, state = data.frame, kind.rpartition(".")[2]
    known = f"{frame.boot_id}-{frame.seq}" if frame else f"{time.timestamp():.0f}"
    return CameraEvent(id=f"{data.camera}-{state}-{known}", source=f"/seccam/camera/{data.camera}", type=kind, time=time, data=data)


def probe_event(worker: str) -> ProbeEvent:
    """A probe that is sent now."""
    return ProbeEvent(id=f"probe-{uuid.uuid4().hex}", source="/seccam/probe", time=datetime.now(UTC), data=ProbeData(worker=worker))


def command_event(data: CommandData, time: datetime) -> CommandEvent:
    """The command that somebody gives at this time."""
    return CommandEvent(id=f"command-{uuid.uuid4().hex}", source=f"/seccam/command/{data.origin}", time=time, data=data)


#: Outcomes that the notifier records in its journal.
Recorded = Literal["notified", "suppressed", "requeued", "parked", "probed", "applied"]


class EventOutcome(JsonMessage):
    """What became of an event on a channel: the part of an entry of the notifier's journal that others read."""

    id: str
    type: EventType
    #: Whose outcome it is; None: that of all channels.
    channel: str | None = None
    #: When the event's picture was taken, UTC.
    time: CaptureTime
    outcome: Recorded


class TopicStatus(JsonMessage):
    """One of a camera's topics: whether its time slot is open, until when, and its frame rate."""

    open: bool
    #: UTC milliseconds; None means that it never changes.
    until: Milliseconds | None = None
    #: Bounded, because the interval between frames is computed from it.
    fps: Annotated[float, Field(ge=0.001, le=1000)]


class Status(JsonMessage):
    """A camera's report on itself, sent on each change and every few seconds."""

    camera: CameraName
    state: Literal["starting", "live", "off", "away"]
    #: When this state began, UTC milliseconds.
    since: Milliseconds
    why: str = ""
    zone: str
    topics: dict[Literal["view", "security"], TopicStatus]
    ts_ms: Milliseconds


class SnoozedCamera(JsonMessage):
    """A camera of which nothing is told until a time."""

    #: None: all cameras.
    camera: CameraName | None = None
    #: UTC milliseconds.
    until: Milliseconds


class ModeReport(JsonMessage):
    """Which events are told; sent by the notifier on each change and every few seconds."""

    mode: Mode
    #: When this mode ends by itself, UTC milliseconds; None: not.
    until: Milliseconds | None = None
    snoozes: list[SnoozedCamera] = []
    #: The last command: from whom, from where, and when it was carried out (UTC milliseconds). None: there was none.
    who: str | None = None
    origin: Origin | None = None
    changed: Milliseconds | None = None
    ts_ms: Milliseconds


#: Name of the schema file → its message.
SCHEMAS: dict[str, type[JsonMessage]] = {
    "event-face": FaceEvent,
    "event-presence": PresenceEvent,
    "event-camera": CameraEvent,
    "event-probe": ProbeEvent,
    "event-command": CommandEvent,
    "detection": Detection,
    "status": Status,
    "mode": ModeReport,
}


def schema(model: type[JsonMessage]) -> dict[str, Any]:
    """The message's JSON Schema, 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}

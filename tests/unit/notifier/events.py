"""Events as the services publish them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from seccam import message
from seccam.message import CameraEvent, CommandData, CommandEvent, FaceData, FaceEvent, FrameIdentity, PresenceData, PresenceEvent

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TRACE = "0123456789abcdef0123456789abcdef"


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def face(
    seconds: float = 0,
    *,
    faces: int = 1,
    camera: str = "front",
    id_: str = "",
    began: float | None = None,
    zone: str | None = None,
    start: datetime = NOON,
) -> FaceEvent:
    """A face event taken `seconds` after `start`; `began`: when the visit began, in such seconds."""
    data = FaceData(
        camera=camera,
        frame=FrameIdentity(boot_id="b", seq=1),
        size=(640, 360),
        faces=faces,
        boxes=[(1, 2, 3, 4)] * faces,
        scores=[0.9] * faces,
        worker="w",
        zone=zone,
        visit_began=None if began is None else start + timedelta(seconds=began),
    )
    return FaceEvent(
        id=id_ or f"{camera}-b-{seconds}-{faces}",
        source=f"/seccam/camera/{camera}",
        time=start + timedelta(seconds=seconds),
        traceparent=f"00-{TRACE}-{TRACE[:16]}-01",
        data=data,
    )


def presence(
    seconds: float,
    *,
    began: float = 0,
    faces: int = 1,
    camera: str = "front",
    kind: Literal["seccam.face.present", "seccam.face.gone"] = "seccam.face.present",
    start: datetime = NOON,
) -> PresenceEvent:
    """A worker's word that faces were last seen `seconds` after `start`."""
    seen, beginning = start + timedelta(seconds=seconds), start + timedelta(seconds=min(began, seconds))
    frame = FrameIdentity(boot_id="b", seq=1)
    data = PresenceData(camera=camera, frame=frame, faces=faces, visit_began=beginning, worker="w")
    return message.presence_event(data, round(seen.timestamp() * 1000), present=kind == message.FACE_PRESENT).model_copy(
        update={"id": f"{camera}-b-{seconds}-{kind}"}
    )


def camera_event(
    seconds: float = 0, *, kind: str = "offline", camera: str = "front", zone: str | None = None, initial: bool = False
) -> CameraEvent:
    """An event of a camera itself."""
    fields: dict[str, Any] = {"id": f"{camera}-{kind}-{seconds}", "source": "/s", "time": at(seconds)}
    data = {"camera": camera, "zone": zone, "initial": initial}
    return CameraEvent.model_validate({**fields, "type": f"seccam.camera.{kind}", "data": data})


def command(
    seconds: float = 0,
    *,
    mode: str | None = None,
    snooze: list[str] | None = None,
    until: float | None = None,
    who: str = "alice",
    origin: str = "page",
    id_: str = "",
    start: datetime = NOON,
) -> CommandEvent:
    """A command of `seconds` after `start`; without a mode, a snooze of these cameras. `until` is in such seconds."""
    end = None if until is None else start + timedelta(seconds=until)
    said = {"mode": mode, "until": end} if mode else {"snooze": {"cameras": snooze or [], "until": end}}
    data = CommandData.model_validate({**said, "who": who, "origin": origin})
    event = message.command_event(data, start + timedelta(seconds=seconds))
    return event.model_copy(update={"id": id_}) if id_ else event

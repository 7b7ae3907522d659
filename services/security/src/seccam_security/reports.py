"""The messages that a worker publishes: detections for the page's boxes, and events about faces."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from seccam import message, topology
from seccam.broker import Message, event_message
from seccam.frame import Frame
from seccam.frame_age import Age
from seccam.visit import Visit
from seccam_security.analysis import Analysis
from seccam_security.annotate import annotated
from seccam_security.decode import Picture
from seccam_security.sight import Change


@dataclass(frozen=True)
class Times:
    """When a frame arrived, and how old it was."""

    #: Arrival by the worker's clock, seconds since 1970 UTC.
    wall: float
    #: Age at arrival.
    age: Age
    #: Age once it was analysed, seconds.
    done: float

    @property
    def taken_ms(self) -> int:
        """When it was taken, by the worker's clock: UTC milliseconds."""
        return round((self.wall - self.age.seconds) * 1000)

    @property
    def taken(self) -> float:
        """The same in seconds, as the event says it."""
        return self.taken_ms / 1000

    def milliseconds(self) -> dict[str, int]:
        """Stages, in milliseconds after capture."""
        return {"received": round(self.age.seconds * 1000), "done": round(self.done * 1000)}


def detection(frame: Frame, analysis: Analysis, worker: str, *, analysed: int, dropped: int) -> Message:
    """What was found in one frame, and what became of the frames since the last detection."""
    counts = {"analysed": analysed, "dropped": dropped}
    found = message.Detection.model_validate({**_found(frame, analysis, worker), **counts})
    return Message(topology.key(topology.FACES, frame.camera), found.encode(), message.CONTENT_TYPE)


def face_event(
    frame: Frame, analysis: Analysis, times: Times, visit: Visit, *, agreed: int, worker: str, snapshot_width: int
) -> Message:
    """The event that faces are news, of which two frames agree on `agreed`; with the annotated picture, unless its width is 0."""
    data = message.FaceData.model_validate(
        {
            **_found(frame, analysis, worker),
            "agreed": agreed,
            "visit_began": _utc(visit.began),
            "zone": frame.zone,
            "ms": times.milliseconds(),
            "snapshot": base64.b64encode(_snapshot(frame, analysis, snapshot_width)).decode() if snapshot_width else None,
        }
    )
    event = message.face_event(frame, times.taken_ms, data)
    return event_message(event, trace_id=frame.trace_id)


def _snapshot(frame: Frame, analysis: Analysis, width: int) -> bytes:
    """The annotated picture. It is decoded once more where the pixels of the analysis are too few."""
    picture, scale = Picture(frame), min(1.0, width / max(frame.width, frame.height))
    pixels = analysis.pixels
    if pixels is None or max(pixels.shape[:2]) < int(max(frame.width, frame.height) * scale):
        pixels = picture.colour(scale)
    return annotated(pixels, picture.box, [face.box for face in analysis.faces], width)


def presence_event(visit: Visit, camera: str, frame: message.FrameIdentity, *, present: bool, faces: int, worker: str) -> Message:
    """The event that faces, last seen in this frame, are still there (`present`) or have gone."""
    data = message.PresenceData(camera=camera, frame=frame, faces=faces, visit_began=_utc(visit.began), worker=worker)
    event = message.presence_event(data, round(visit.seen * 1000), present=present)
    if not present:
        return event_message(event)
    key = topology.key(topology.PRESENCE, camera)
    return Message(key, event.encode(), message.CONTENT_TYPE, {"camera": camera}, event.id, event.type)


def camera_event(frame: Frame, change: Change) -> Message:
    """The event that a camera can't see, although its frames come, or can see again.

    A worker's first word that a camera sees is for the notifier alone: each worker says it of each camera, which would crowd
    other events out of the log.
    """
    data = message.CameraData(camera=frame.camera, frame=identity(frame), zone=frame.zone, initial=change.initial)
    event = event_message(message.camera_event(change.state, data, _utc(change.time)), trace_id=frame.trace_id)
    return replace(event, copied=not (change.initial and change.state == message.CAMERA_CLEARED))


def identity(frame: Frame) -> message.FrameIdentity:
    """Which frame it is."""
    return message.FrameIdentity(boot_id=frame.boot_id, seq=frame.seq, ts_ms=frame.ts_ms)


def _found(frame: Frame, analysis: Analysis, worker: str) -> dict[str, Any]:
    """What a detection and a face event have in common."""
    return {
        "camera": frame.camera,
        "frame": identity(frame),
        "size": (frame.width, frame.height),
        "faces": len(analysis.faces),
        "boxes": [face.box for face in analysis.faces],
        "scores": [round(face.score, 3) for face in analysis.faces],
        "worker": worker,
    }


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""A frame on the wire: the JPEG is the body, its metadata are headers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seccam import jpeg, topology
from seccam.errors import BadFrame

CONTENT_TYPE = "image/jpeg"

_BOOT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
#: Sequence numbers that a browser can hold exactly.
_SEQ = range(2**53)
#: Plausible times: from the first millisecond of 1970 to the end of this century.
TIMES = range(1, 4_102_444_800_000)


@dataclass(frozen=True)
class Frame:
    """One picture of one camera."""

    #: The camera's name.
    camera: str
    #: Identifies one run of the camera process; (camera, boot_id, seq) identifies the frame.
    boot_id: str
    #: Counts the frames of one boot_id in one flow.
    seq: int
    #: The JPEG file; without EXIF once decoded.
    jpeg: bytes
    #: Pixels.
    width: int
    height: int
    #: Capture time by the camera's clock, milliseconds since 1970 UTC; None if the sender gives none.
    ts_ms: int | None
    #: The camera's IANA time zone; None if unknown.
    zone: str | None = None

    @property
    def event_id(self) -> str:
        """The id of the event that this frame causes; every worker computes the same."""
        return event_id(self.camera, self.boot_id, self.seq)

    @cached_property
    def trace_id(self) -> str:
        """32 hex digits that every stage can compute from the frame's identity (W3C Trace Context, trace-id)."""
        return hashlib.sha256(f"{self.camera}\0{self.boot_id}\0{self.seq}".encode()).hexdigest()[:32]

    def headers(self) -> dict[str, Any]:
        """The AMQP headers of the message."""
        headers: dict[str, Any] = {
            "camera": self.camera,
            "seq": self.seq,
            "boot_id": self.boot_id,
            "width": self.width,
            "height": self.height,
        }
        if self.ts_ms is not None:
            headers["ts_ms"] = self.ts_ms
        if self.zone:
            headers["zone"] = self.zone
        return headers


class FrameDecoder:
    """Decodes frames; numbers those of senders that don't number them (an MQTT client that publishes plain JPEGs)."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._seq = 0

    def has_numbered(self, frame: Frame) -> bool:
        """Whether the frame's number was given to it here, because its sender gave none."""
        return frame.boot_id == self._boot_id

    def decode(self, flow: str, routing_key: str, headers: Mapping[str, Any] | None, body: bytes) -> Frame:
        """The frame in a message of `flow`; raises BadFrame (corrupt, oversize, unknown_camera).

        The camera's name comes from the topic, because the broker grants rights by topic. Width and height come from the
        JPEG itself, whose padding and EXIF are removed. Headers of a wrong type count as missing.
        """
        camera = topology.camera_of(flow, routing_key)
        if camera is None:
            raise BadFrame("unknown_camera", f"no camera name in {routing_key[:80]!r}")
        body = jpeg.trim(body)
        header = jpeg.parse(body)
        given = headers or {}
        boot_id, seq = _matching(_BOOT_ID, given.get("boot_id"), 32), _within(_SEQ, given.get("seq"))
        if boot_id is None or seq is None:
            self._seq += 1
            boot_id, seq = self._boot_id, self._seq
        return Frame(
            camera=camera,
            boot_id=boot_id,
            seq=seq,
            jpeg=jpeg.without_exif(body, header),
            width=header.width,
            height=header.height,
            ts_ms=_within(TIMES, given.get("ts_ms")),
            zone=_matching(_ZONE, given.get("zone"), 64),
        )


def _within(numbers: range, value: Any) -> int | None:
    """The value if it is a whole number in this range, else None; a sender can put any type into a header."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    number = int(value)  # pika has an int class of its own, for which `in` would search the range one by one
    return number if number in numbers else None


def _matching(pattern: re.Pattern[str], value: Any, longest: int) -> str | None:
    return value if isinstance(value, str) and len(value) <= longest and pattern.fullmatch(value) else None


def event_id(camera: str, boot_id: str, seq: int) -> str:
    """The id of the event that a frame causes."""
    return f"{camera}-{boot_id}-{seq}"

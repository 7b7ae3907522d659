"""A frame on the wire: the JPEG as the body, what is known of it as headers."""

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
#: Sequence numbers go up to what a browser's numbers hold exactly.
_SEQ = range(2**53)
#: Times from the first millisecond of 1970 to the end of this century.
TIMES = range(1, 4_102_444_800_000)


@dataclass(frozen=True)
class Frame:
    """One picture of one camera."""

    #: Name of the camera.
    camera: str
    #: Names the run of the camera process that took it; (camera, boot_id, seq) is the frame's identity.
    boot_id: str
    #: Counts the frames of one boot_id and flow.
    seq: int
    #: The JPEG file. A decoded frame's has no EXIF.
    jpeg: bytes
    #: Pixels.
    width: int
    height: int
    #: When it was taken, by the camera's clock, milliseconds since 1970 UTC; None where the sender has no clock.
    ts_ms: int | None
    #: The camera's IANA time zone; None if not known.
    zone: str | None = None

    @property
    def event_id(self) -> str:
        """The id of the event that the frame gives rise to, the same from whichever worker saw it."""
        return event_id(self.camera, self.boot_id, self.seq)

    @cached_property
    def trace_id(self) -> str:
        """32 hex digits that any stage can compute from the frame's identity (W3C Trace Context's trace-id)."""
        return hashlib.sha256(f"{self.camera}\0{self.boot_id}\0{self.seq}".encode()).hexdigest()[:32]

    def headers(self) -> dict[str, Any]:
        """The AMQP headers that go with the body."""
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
    """Numbers the frames of cameras that don't do so themselves (an MQTT client publishing bare JPEGs)."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._seq = 0

    def decode(self, flow: str, routing_key: str, headers: Mapping[str, Any] | None, body: bytes) -> Frame:
        """The frame in a message of `flow`; raises BadFrame (corrupt, oversize, unknown_camera).

        The camera is the topic's, whatever the headers say: the broker's rights are given by topic. Width and height
        are read from the JPEG itself. Padding behind the JPEG and its EXIF are cut out.
        """
        camera = topology.camera_of(flow, routing_key)
        if camera is None:
            raise BadFrame("unknown_camera", f"no camera name in {routing_key[:80]!r}")
        body = jpeg.trim(body)
        header = jpeg.parse(body)
        told = headers or {}
        boot_id, seq = _matching(_BOOT_ID, told.get("boot_id"), 32), _within(_SEQ, told.get("seq"))
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
            ts_ms=_within(TIMES, told.get("ts_ms")),
            zone=_matching(_ZONE, told.get("zone"), 64),
        )


def _within(numbers: range, value: Any) -> int | None:
    """A whole number of these, or None. A sender can put any type into a header; a truth value is no number."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    number = int(value)  # pika's are of a class of its own, which `in` would search the whole range for
    return number if number in numbers else None


def _matching(pattern: re.Pattern[str], value: Any, longest: int) -> str | None:
    return value if isinstance(value, str) and len(value) <= longest and pattern.fullmatch(value) else None


def event_id(camera: str, boot_id: str, seq: int) -> str:
    """The id of the event that a frame gives rise to, the same from whichever worker saw it."""
    return f"{camera}-{boot_id}-{seq}"

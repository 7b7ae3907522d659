"""Reads a JPEG's header without decoding a pixel.

Marker codes: ITU-T T.81 (JPEG), table B.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seccam.errors import BadFrame

#: Largest JPEG that is accepted, bytes. A frame of 1280x720 has 50 to 200 kB.
MAX_BYTES = 2 * 1024 * 1024
#: Largest accepted width and height, pixels.
MAX_SIDE = 4096

#: Most segments in a header. No camera or editor writes as many, and parsing them costs time and memory.
MAX_SEGMENTS = 512
#: Most scans times pixels. For each scan, however short, a decoder passes over the whole picture. A baseline JPEG has one to
#: three scans, a progressive one about ten.
MAX_SCAN_PIXELS = 100_000_000

_START = b"\xff\xd8"
_END = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_SCAN = b"\xff\xda"
_APP1 = 0xE1
#: SOF0 to SOF15, without DHT (C4), JPG (C8) and DAC (CC), which share the range.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers without a segment: TEM and RST0 to RST7.
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
#: Markers that don't belong in a header: stuffing, reserved codes, and a second start or end of image. Decoders treat them
#: differently, so a size read after one might not be the size that is decoded.
_OUT_OF_PLACE = frozenset({*range(0xC0), 0xD8, 0xD9, 0xFF}) - _NO_LENGTH
#: A marker and the fill bytes that may precede it.
_MARKER = re.compile(rb"\xff+([^\xff])", re.DOTALL)


@dataclass(frozen=True)
class Segment:
    """One marker segment of the header: `data[start:end]`, marker bytes included."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """A JPEG's header, parsed once and handed to whatever needs a part of it."""

    #: Every marker segment up to and including the first start of scan.
    segments: tuple[Segment, ...]
    #: Pixels.
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


def trim(data: bytes) -> bytes:
    """The JPEG without the padding that some cameras add after its end marker."""
    if data.endswith(_END):
        return data
    end = data.rfind(_END)
    return data if end < 0 else data[: end + 2]


def segments(data: bytes) -> tuple[Segment, ...]:
    """The header's segments up to and including the start of scan; raises BadFrame (corrupt)."""
    found: list[Segment] = []
    at = 2
    for _ in range(MAX_SEGMENTS):
        code = _MARKER.match(data, at)
        if code is None:
            raise BadFrame("corrupt", f"no marker at byte {at}")
        marker, at = code[1][0], code.end() - 2
        if marker in _OUT_OF_PLACE:
            raise BadFrame("corrupt", f"marker {marker:#x} at byte {at} does not belong in a header")
        if marker in _NO_LENGTH:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise BadFrame("corrupt", f"segment {marker:#x} at byte {at} extends beyond the end of the file")
        found.append(Segment(marker, at, end))
        if marker == _START_OF_SCAN:
            return tuple(found)
        at = end
    raise BadFrame("corrupt", f"no scan within {MAX_SEGMENTS} segments")


def parse(data: bytes) -> Header:
    """The header of a complete JPEG within the limits above; raises BadFrame (corrupt, oversize).

    The compressed data is not checked: that is the decoder's task.
    """
    if len(data) > MAX_BYTES:
        raise BadFrame("oversize", f"{len(data)} bytes, more than {MAX_BYTES}")
    if not data.startswith(_START):
        raise BadFrame("corrupt", "not a JPEG")
    if not data.endswith(_END):
        raise BadFrame("corrupt", "truncated: no end marker")
    found = segments(data)
    frame = next((s for s in found if s.marker in _START_OF_FRAME), None)
    if frame is None or frame.end - frame.start < 10:
        raise BadFrame("corrupt", "no frame header")
    height = int.from_bytes(data[frame.start + 5 : frame.start + 7], "big")
    width = int.from_bytes(data[frame.start + 7 : frame.start + 9], "big")
    if not (width and height):
        raise BadFrame("corrupt", f"{width}x{height} pixels")
    if max(width, height) > MAX_SIDE:
        raise BadFrame("oversize", f"{width}x{height} pixels, more than {MAX_SIDE} on a side")
    # within a scan these two bytes are always this marker (T.81, B.1.1.5); a thumbnail's scans count as well
    scans = data.count(_SCAN)
    if scans * width * height > MAX_SCAN_PIXELS:
        raise BadFrame("oversize", f"{scans} scans of {width}x{height} pixels")
    return Header(found, width, height)


def without_exif(data: bytes, header: Header) -> bytes:
    """The JPEG without its APP1 segments, which hold EXIF: a location, and a rotation that browsers would apply.

    `header` is the JPEG's own.
    """
    kept, at = [], 0
    for segment in header.segments:
        if segment.marker == _APP1:
            kept.append(data[at : segment.start])
            at = segment.end
    return b"".join([*kept, data[at:]]) if kept else data

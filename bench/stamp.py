"""A picture's number and time of birth, in its pixels and beside them.

The comment segment survives whatever passes the JPEG on as it is; the pixels survive being encoded anew.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from seccam import jpeg

#: Numbers wrap round here: eight blocks, black or white.
NUMBERS = 256
_BLOCK = 32
_COMMENT = 0xFE
_PAYLOAD = struct.Struct(">4sHQ")
_MAGIC = b"born"


def draw(picture: np.ndarray[Any, Any], number: int) -> None:
    """Paint the number into the picture's upper left corner, a block a bit."""
    for bit in range(8):
        picture[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 255 if number >> bit & 1 else 0


def read(grey: np.ndarray[Any, Any]) -> int:
    """The number painted into a picture, height × width, 0 to 255."""
    middle = _BLOCK // 2
    return sum((int(grey[middle, bit * _BLOCK + middle]) > 127) << bit for bit in range(8))


def born(data: bytes, number: int, at_ns: int) -> bytes:
    """The JPEG with a comment that holds its number and the time (CLOCK_MONOTONIC, ns) it came into being."""
    payload = _PAYLOAD.pack(_MAGIC, number, at_ns)
    return b"".join((data[:2], b"\xff", bytes((_COMMENT,)), (len(payload) + 2).to_bytes(2, "big"), payload, data[2:]))


def birth(data: bytes) -> tuple[int, int]:
    """(number, time of birth) in the comment; ValueError if it has none."""
    for segment in jpeg.segments(data):
        payload = data[segment.start + 4 : segment.end]
        if segment.marker == _COMMENT and payload.startswith(_MAGIC):
            _, number, at_ns = _PAYLOAD.unpack(payload)
            return number, at_ns
    raise ValueError("no time of birth in this picture")
